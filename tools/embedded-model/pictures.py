"""Rendered pictures on disk: shards of 1,024, each made from its own seed, written by background processes.

A shard is `NNNNN.npy` (uint8 [1024, 96, 96, 3]) and `NNNNN.json` (what is in each picture, or which sort of nothing).
"""

import argparse
import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from backgrounds import MEANINGLESS
from render import NOTHING, model_pixels, render_meaningless, render_scene
from world import Scene, Thing, sample_scene

SHARD_SIZE = 1024
SHARE_MEANINGLESS = 0.12


@dataclass
class Picture:
    """What is known of one picture: its things (none when it is meaningless), its sort, and the patches they cover."""

    sort: str
    scene: Scene
    # [8, 8] uint8, see render.Rendered.
    cover: np.ndarray


def sample_picture(rng: random.Random, sort: str | None = None):
    """A fresh picture: (PIL image, Picture). `sort` is "things" or a key of MEANINGLESS."""
    if sort is None:
        sort = rng.choice(list(MEANINGLESS)) if rng.random() < SHARE_MEANINGLESS else "things"
    if sort != "things":
        return render_meaningless(rng, sort), Picture(sort, Scene(), np.full((8, 8), NOTHING, np.uint8))
    scene = sample_scene(rng)
    rendered = render_scene(rng, scene)
    return rendered.image, Picture(sort, scene, rendered.cover)


def write_shard(folder: Path, index: int, seed: int) -> None:
    rng = random.Random(f"{seed}/{index}")
    pixels, notes = [], []
    for _ in range(SHARD_SIZE):
        image, picture = sample_picture(rng)
        pixels.append(model_pixels(image))
        things = [asdict(thing) for thing in picture.scene.things]
        notes.append({"sort": picture.sort, "things": things, "cover": picture.cover.tolist()})
    (folder / f"{index:05d}.json").write_text(json.dumps(notes, separators=(",", ":")))
    # The pixels come last and by renaming: a shard whose .npy exists is complete.
    part = folder / f"{index:05d}.part.npy"
    np.save(part, np.stack(pixels))
    part.rename(folder / f"{index:05d}.npy")


def complete_shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.npy") if "part" not in path.name)


def read_shard(path: Path) -> tuple[np.ndarray, list[Picture]]:
    notes = json.loads(path.with_suffix(".json").read_text())
    pictures = [
        Picture(note["sort"], Scene([Thing(**thing) for thing in note["things"]]), np.array(note["cover"], np.uint8))
        for note in notes
    ]
    return np.load(path, mmap_mode="r"), pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--step", type=int, default=1, help="write every step-th shard (several processes share the work)"
    )
    parser.add_argument("--count", type=int, default=120, help="number of shards of the whole set")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for index in range(options.first, options.count, options.step):
        if not (options.folder / f"{index:05d}.npy").exists():
            write_shard(options.folder, index, options.seed)


if __name__ == "__main__":
    main()
