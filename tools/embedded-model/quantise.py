"""What INT4 does to the weights: groups of 64 along the input, each with its own scale and zero point.

Only simulates the rounding; the shipped file is written by the engine's own quantiser.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

GROUP = 64


def through_int(weight: torch.Tensor, bits: int = 4, group: int = GROUP) -> torch.Tensor:
    """`weight` [rows, columns] rounded to `bits` and back: asymmetric, scales in float16."""
    rows, columns = weight.shape
    groups = weight.reshape(rows, columns // group, group)
    low = groups.amin(-1, keepdim=True).clamp(max=0)
    high = groups.amax(-1, keepdim=True).clamp(min=0)
    top = 2**bits - 1
    scale = ((high - low) / top).clamp(min=1e-7).half().float().clamp(min=1e-7)
    zero = torch.round(-low / scale).clamp(0, top)
    codes = (torch.round(groups / scale) + zero).clamp(0, top)
    return ((codes - zero) * scale).reshape(rows, columns)


def quantised_params(model: nn.Module, embedding_bits: int = 8) -> Iterator[tuple[nn.Parameter, int]]:
    """The matrices that are shipped in few bits. The tied embedding is met once; the patch convolution stays f16."""
    done: set[int] = set()
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.Linear) and id(module.weight) not in done:
            done.add(id(module.weight))
            is_table = isinstance(module, nn.Embedding) or module.weight.shape[0] == model.config.text_config.vocab_size
            if module.weight.shape[1] % GROUP == 0 and module.weight.shape[0] > GROUP + 1:
                yield module.weight, embedding_bits if is_table else 4


@torch.no_grad()
def quantise(model: nn.Module, embedding_bits: int = 8) -> None:
    for weight, bits in quantised_params(model, embedding_bits):
        weight.copy_(through_int(weight, bits))


@contextmanager
def rounded_to_int4(model: nn.Module, active: bool) -> Iterator[None]:
    """Inside, forward and backward see rounded weights; outside, the exact ones get the gradients (straight through)."""
    if not active:
        yield
        return
    exact = [(weight, weight.detach().clone(), bits) for weight, bits in quantised_params(model)]
    with torch.no_grad():
        for weight, copy, bits in exact:
            weight.copy_(through_int(copy, bits))
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, copy, _ in exact:
                weight.copy_(copy)
