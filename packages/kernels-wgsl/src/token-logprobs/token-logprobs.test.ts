// token-logprobs against its f64 reference: vocabularies shorter and longer than a workgroup, logits of a size that overflows
// an exponential, padding that would count.
import { describeParity } from '../../testing/parity.js';
import { type TokenLogprobsShape, tokenLogprobs } from './token-logprobs.js';
import { tokenLogprobsReference } from './token-logprobs.reference.js';

describeParity<TokenLogprobsShape>({
  kernel: tokenLogprobs,
  shapes: [
    { numRows: 3, vocab: 5, stride: 32 },
    { numRows: 2, vocab: 1000, stride: 1024 },
  ],
  makeCase(shape, _variant, random) {
    const { numRows, vocab, stride } = shape;
    const logits = random.normals(numRows * stride, 3).map((value) => value + 100);
    for (let row = 0; row < numRows; row++) logits.fill(1000, row * stride + vocab, (row + 1) * stride);
    const targets = Uint32Array.from({ length: numRows }, () => random.int(vocab));
    const logprobs = new Float32Array(numRows);
    return {
      shape,
      buffers: { logits, targets, logprobs },
      expected: { logprobs: tokenLogprobsReference(shape, logits, targets) },
    };
  },
  tolerance: () => 1e-5,
});
