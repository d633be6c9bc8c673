"""The held-out set: pictures as PNG files and questions about them, drawn from seeds that training never uses."""

import json
import random
from pathlib import Path

from pictures import sample_picture
from questions import ask_of_nothing, ask_something, describe
from talk import typed

NUM_PICTURES = 1000
# Of these sorts; the rest shows things.
NUM_MEANINGLESS = {"blank": 40, "noise": 40, "photo": 40, "landscape": 40, "scribble": 40}


def write_held_out(folder: Path, seed: int, num_pictures: int = NUM_PICTURES) -> None:
    """Writes `NNNN.png` and `questions.jsonl` with lines {image, question, kind, expect, sort}."""
    folder.mkdir(parents=True, exist_ok=True)
    sorts = [sort for sort, count in NUM_MEANINGLESS.items() for _ in range(count * num_pictures // NUM_PICTURES)]
    sorts += ["things"] * (num_pictures - len(sorts))
    lines = []
    for index, sort in enumerate(sorts):
        rng = random.Random(f"held-out/{seed}/{index}")
        image, picture = sample_picture(rng, sort)
        name = f"{index:04d}.png"
        image.save(folder / name)
        if sort == "things":
            turns = [describe(rng, picture.scene), ask_something(rng, picture.scene), ask_something(rng, picture.scene)]
        else:
            turns = [ask_of_nothing(rng)]
        for turn in turns:
            question = typed(rng, turn.user)
            lines.append({"image": name, "question": question, "kind": turn.sort, "expect": turn.expect, "sort": sort})
    (folder / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
