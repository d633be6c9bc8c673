"""Batches from the rendered shards: normalised pixels and the dense labels of their patches."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model import PATCH_LABELS
from pictures import Picture, complete_shards, read_shard
from render import NOTHING
from world import COLOURS, KINDS, MAX_THINGS, SIZES

CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
CLIP_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])


@dataclass
class Batch:
    # [batch, 3, 96, 96] as the image processor gives them
    pixels: torch.Tensor
    # each [batch, 64]
    labels: dict[str, torch.Tensor]
    # [batch, 64, 2]: centre of the thing on this patch, -1..1
    centres: torch.Tensor
    pictures: list[Picture]

    def only(self, rows: list[int]) -> "Batch":
        """Some of the pictures, in this order."""
        labels = {name: values[rows] for name, values in self.labels.items()}
        return Batch(self.pixels[rows], labels, self.centres[rows], [self.pictures[row] for row in rows])

    def kept(self, keep: torch.Tensor) -> "Batch":
        """The same pictures with the labels of the patches `keep` [batch, kept] only."""
        labels = {name: values.gather(1, keep) for name, values in self.labels.items()}
        return Batch(self.pixels, labels, self.centres.gather(1, keep[..., None].expand(-1, -1, 2)), self.pictures)


def normalised(pixels: np.ndarray) -> torch.Tensor:
    values = torch.from_numpy(np.array(pixels)).float() / 255
    return ((values - CLIP_MEAN) / CLIP_STD).permute(0, 3, 1, 2).contiguous()


def patch_labels(pictures: list[Picture]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Looks up, for every patch, what the thing that covers it is like; row 0 of each table is "no thing"."""
    tables = np.zeros((len(pictures), MAX_THINGS + 1, 4), np.int64)
    centres = np.zeros((len(pictures), MAX_THINGS + 1, 2), np.float32)
    for row, picture in enumerate(pictures):
        for index, thing in enumerate(picture.scene.things):
            tables[row, index + 1] = (
                1 + KINDS.index(thing.kind),
                1 + COLOURS.index(thing.colour),
                1 + SIZES.index(thing.size),
                1 + index,
            )
            centres[row, index + 1] = (2 * thing.cx - 1, 2 * thing.cy - 1)
    cover = np.stack([picture.cover.reshape(-1) for picture in pictures]).astype(np.int64)
    slot = np.where(cover == NOTHING, 0, cover + 1)
    looked_up = torch.from_numpy(np.take_along_axis(tables, slot[..., None], 1))
    labels = {name: looked_up[..., i] for i, name in enumerate(("kind", "colour", "size", "rank"))}
    counts = torch.tensor([len(picture.scene.things) for picture in pictures])
    labels["count"] = counts[:, None].expand(-1, cover.shape[1])
    assert set(labels) == set(PATCH_LABELS)
    return labels, torch.from_numpy(np.take_along_axis(centres, slot[..., None], 1))


def batches(folder: Path, batch_size: int, seed: int):
    """Endless batches over all shards present; shards that are still being written join when they are complete."""
    rng = random.Random(seed)
    seen: set[Path] = set()
    while True:
        shards = complete_shards(folder)
        fresh = [path for path in shards if path not in seen]
        # Pictures that were never seen teach the most.
        pool = fresh or shards
        chosen = rng.sample(pool, min(4, len(pool)))
        seen.update(chosen)
        loaded = [read_shard(path) for path in chosen]
        order = [(s, i) for s, (pixels, _) in enumerate(loaded) for i in range(len(pixels))]
        rng.shuffle(order)
        for start in range(0, len(order) - batch_size + 1, batch_size):
            picks = order[start : start + batch_size]
            pictures = [loaded[s][1][i] for s, i in picks]
            labels, centres = patch_labels(pictures)
            yield Batch(normalised(np.stack([loaded[s][0][i] for s, i in picks])), labels, centres, pictures)
