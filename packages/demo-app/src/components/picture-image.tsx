// A picture that the page holds as bytes. Its address lasts as long as it is shown.
import type { VNode } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';

interface Props {
  readonly picture: Blob;
  /** Empty where the words beside it say what it is. */
  readonly name: string;
}

export function PictureImage({ picture, name }: Props): VNode {
  // Made while drawing, not after it: a picture that came later would push away what is being read.
  const url = useMemo(() => URL.createObjectURL(picture), [picture]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return <img class="picture" src={url} alt={name} decoding="async" draggable={false} />;
}
