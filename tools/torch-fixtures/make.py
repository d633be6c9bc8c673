"""Makes packages/core/src/testing/torch-fixtures.ts: small files of torch.save, for the tests of the reader of PyTorch
checkpoints. Needs PyTorch, which nothing else in the repository does: run it by hand when a case is added.

    python tools/torch-fixtures/make.py > packages/core/src/testing/torch-fixtures.ts
"""

import base64
import io
import os
import zlib
from collections import OrderedDict

import torch


class Hostile:
    def __reduce__(self):
        return os.system, ("echo this must not run",)


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return base64.b64encode(zlib.compress(buffer.getvalue(), 9)).decode()


numbers = torch.arange(12, dtype=torch.float32)
halves = torch.tensor([[1.5, -2.0]], dtype=torch.float16)
state = OrderedDict(
    view=numbers[2:8].reshape(2, 3),
    f16=halves,
    bf16=torch.tensor([3.0, 0.25], dtype=torch.bfloat16),
    codes=torch.tensor([[7, -1]], dtype=torch.int32),
    parameter=torch.nn.Parameter(numbers[:2]),
    tied=halves,
)
files = {
    "state": saved(state),
    "training": saved({"epoch": 3, "rate": 0.1, "state_dict": {"w": numbers}}),
    "transposed": saved({"w": numbers.reshape(3, 4).t()}),
    "hostile": saved({"w": numbers, "payload": Hostile()}),
    "old": saved({"w": numbers}, _use_new_zipfile_serialization=False),
}

print("// Files of torch.save, deflated, in base64. Made by tools/torch-fixtures/make.py with PyTorch " + torch.__version__.split("+")[0] + ".")
print()
print("/** By name: see the script. */")
print("export const torchFiles = {")
for name, text in files.items():
    print(f"  {name}:")
    print(f"    '{text}',")
print("} as const;")
