"""Stage 1: the vision tower alone learns to tell, from every patch, what covers it. No text is involved."""

import argparse
from pathlib import Path

import torch
from torch.nn import functional as F

from batches import Batch, batches
from model import PatchHeads, build_model, patch_features
from optim import Optimiser
from stage import Stage

# Kind and the global labels are the hard ones; a thing's patches are fewer than those of the background.
LABEL_WEIGHTS = {"kind": 2.0, "colour": 1.0, "size": 0.7, "rank": 1.0, "count": 0.7}

# Until this share of the time the tower sees only half of the patches, which makes its steps twice as fast.
THIN_UNTIL, NUM_KEPT = 0.75, 32


def heads_loss(heads: PatchHeads, features: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
    guesses, centres = heads(features)
    covered = batch.labels["kind"] > 0
    weight = torch.where(covered, 1.0, 0.3)
    loss = torch.zeros(())
    right: dict[str, float] = {}
    for name, logits in guesses.items():
        target = batch.labels[name]
        terms = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none", label_smoothing=0.02)
        loss = loss + LABEL_WEIGHTS[name] * (terms * weight.flatten()).sum() / weight.sum()
        hit = logits.argmax(-1) == target
        right[name] = (hit if name == "count" else hit[covered]).float().mean().item()
    loss = loss + 4 * ((centres - batch.centres) ** 2)[covered].mean()
    return loss, right


def patches_to_keep(batch: Batch) -> torch.Tensor:
    """About half of the patches: those with things on them, filled up with background."""
    covered = (batch.labels["kind"] > 0).float()
    return (covered + 0.9 * torch.rand_like(covered)).topk(NUM_KEPT, dim=1).indices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=96)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    model = build_model(options.seed)
    tower = model.model.vision_tower
    heads = PatchHeads(model.config.vision_config.hidden_size)
    optimiser = Optimiser([(tower, 1.0), (heads, 1.0)], lr=2e-3)
    stage = Stage(options.work, "vision", options.minutes, options.threads)
    stage.attach(tower=tower, heads=heads, optimiser=optimiser)
    stream = batches(options.work / "pictures", options.batch, options.seed + stage.step)
    while stage.running():
        batch = next(stream)
        keep = patches_to_keep(batch) if stage.share_done < THIN_UNTIL else None
        features = patch_features(model, batch.pixels, keep)
        loss, right = heads_loss(heads, features, batch if keep is None else batch.kept(keep))
        loss.backward()
        norm = optimiser.step(stage.share_done)
        stage.tick(loss=loss.item(), norm=norm, **right)
    stage.save()


if __name__ == "__main__":
    main()
