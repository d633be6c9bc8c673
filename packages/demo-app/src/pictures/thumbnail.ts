// Makes pictures small for the page, without the page ever decoding a large one itself: the browser does that beside it.

/** Twice what is shown, for dense screens. */
const MAX_SIDE = 360;

/**
 * The picture, fitted into a small square; one that is small already is given back as it is.
 * @throws where the browser cannot decode it
 */
export async function makeThumbnail(picture: Blob): Promise<Blob> {
  const { width, height } = await sizeOf(picture);
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  // Also for small pictures: what is broken further inside is found only by decoding.
  const bitmap = await createImageBitmap(picture, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: 'medium',
  });
  try {
    if (scale === 1) return picture;
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    return await canvas.convertToBlob({ type: 'image/webp', quality: 0.9 });
  } finally {
    bitmap.close();
  }
}

/** Read from the file's head: an image that is not drawn is not decoded. */
async function sizeOf(picture: Blob): Promise<{ readonly width: number; readonly height: number }> {
  const url = URL.createObjectURL(picture);
  try {
    const image = new Image();
    await new Promise<void>((done, fail) => {
      image.onload = () => done();
      image.onerror = () => fail(new Error('no picture that this browser knows'));
      image.src = url;
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } finally {
    URL.revokeObjectURL(url);
  }
}
