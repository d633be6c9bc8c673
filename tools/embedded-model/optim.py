"""Muon for the matrices of the transformer blocks and AdamW for the rest; learning rates follow the share of time used.

Muon (orthogonalised momentum) reaches the same loss in clearly fewer samples than AdamW, which is what counts on a CPU. It
is written here in float32 and batched over equal shapes, since bfloat16 is slow on processors without matrix units for it.
"""

import math
from collections import defaultdict

import torch
from torch import nn


def orthogonalised(batch: torch.Tensor) -> torch.Tensor:
    """Newton-Schulz iteration towards the nearest orthogonal matrices; `batch` is [count, rows, columns]."""
    tall = batch.shape[1] > batch.shape[2]
    x = batch.mT if tall else batch
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(
        self, params: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.02
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for param in group["params"]:
                if param.grad is not None:
                    by_shape[param.shape].append(param)
            for shape, params in by_shape.items():
                updates = []
                for param in params:
                    buffer = self.state[param].setdefault("momentum", torch.zeros_like(param))
                    buffer.lerp_(param.grad, 1 - group["momentum"])
                    updates.append(param.grad.lerp(buffer, group["momentum"]))
                # 0.2 * sqrt(longer side) gives updates the size of AdamW's, so that one learning rate fits both.
                scale = 0.2 * math.sqrt(max(shape))
                for param, update in zip(params, orthogonalised(torch.stack(updates))):
                    param.mul_(1 - group["lr"] * group["weight_decay"])
                    param.add_(update, alpha=-group["lr"] * scale)


class Optimiser:
    """Both optimisers behind one face. `groups` is a list of (module, factor on the learning rate)."""

    def __init__(self, groups: list[tuple[nn.Module, float]], lr: float) -> None:
        self.lr = lr
        self.parts: list[tuple[torch.optim.Optimizer, float]] = []
        self.params: list[nn.Parameter] = []
        for module, factor in groups:
            matrices, others = [], []
            for name, param in module.named_parameters():
                if param.requires_grad:
                    is_block = ".layers." in f".{name}" and param.ndim == 2
                    (matrices if is_block else others).append(param)
            if matrices:
                self.parts.append((Muon(matrices, lr), 1.5 * factor))
            if others:
                self.parts.append((torch.optim.AdamW(others, lr, betas=(0.9, 0.98), weight_decay=0.0), factor))
            self.params += matrices + others

    def step(self, share_done: float) -> float:
        """One update; returns the norm of the gradient before clipping."""
        rise, fall = min(1.0, share_done / 0.03 + 0.02), min(1.0, (1 - share_done) / 0.6)
        rate = self.lr * rise * max(0.02, fall)
        for optimiser, factor in self.parts:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
        norm = nn.utils.clip_grad_norm_(self.params, 1.0)
        for optimiser, _ in self.parts:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> list[dict]:
        return [optimiser.state_dict() for optimiser, _ in self.parts]

    def load_state_dict(self, states: list[dict]) -> None:
        for (optimiser, _), state in zip(self.parts, states):
            optimiser.load_state_dict(state)
