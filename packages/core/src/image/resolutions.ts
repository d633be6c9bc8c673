// Which of a model's resolutions suits an image ("anyres").

export interface Resolution {
  readonly width: number;
  readonly height: number;
}

/** The one in which most of the image's own pixels survive, and the least is wasted among these. */
export function bestResolution(image: Resolution, resolutions: readonly Resolution[]): Resolution {
  const numPixels = image.width * image.height;
  const rated = resolutions.map((resolution) => {
    const { width, height } = resolution;
    const scale = Math.min(width / image.width, height / image.height);
    const useful = Math.min(Math.trunc(image.width * scale) * Math.trunc(image.height * scale), numPixels);
    return { resolution, useful, wasted: width * height - useful };
  });
  return rated.reduce((best, next) =>
    next.useful > best.useful || (next.useful === best.useful && next.wasted < best.wasted) ? next : best,
  ).resolution;
}
