// What `Row.token` may hold besides ids of tokens. Twin of row.wgsl.

/** Stands for the id that was sampled last for the row's slot, which only the GPU knows yet. */
export const FROM_STATE = 0xffffffff;

/** Stands for no token: the row belongs to an image, and its residual was written before (see gather-rows). */
export const IMAGE_ROW = 0xfffffffe;
