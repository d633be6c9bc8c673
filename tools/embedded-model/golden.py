"""Writes `golden.safetensors` and `golden.png` for a checkpoint: what the engine must compute, exactly, for one prompt.

python golden.py CHECKPOINT OUT_FOLDER
"""

import argparse
import random
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file

from batches import normalised
from generate import Speaker, user_message
from render import model_pixels, render_scene
from world import Scene, Thing

QUESTION = "What do you see?"
NUM_GREEDY = 24
# Positions of the prompt whose logits are kept: the file is committed.
NUM_LAST = 16


def golden_picture() -> Image.Image:
    """A red circle to the left of a small blue star on white, slightly wider than high."""
    things = [
        Thing("circle", "red", "big", 0.42, (220, 30, 30), 0.3, 0.5),
        Thing("star", "blue", "small", 0.22, (30, 60, 220), 0.75, 0.45),
    ]
    return render_scene(random.Random("golden"), Scene(things, (0.0, 0.1, 1.0, 0.9))).image


@torch.inference_mode()
def golden_tensors(speaker: Speaker, picture: Image.Image) -> dict[str, torch.Tensor]:
    model = speaker.model
    prompt = speaker.prompt([user_message(QUESTION, True)])
    ids = speaker.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    pixels = normalised(model_pixels(picture)[None])
    features = model.get_image_features(pixel_values=pixels).pooler_output
    logits = model(input_ids=ids, pixel_values=pixels).logits[0]
    greedy, forced = [], []
    sequence, row = ids, logits[-1]
    for _ in range(NUM_GREEDY):
        greedy.append(int(row.argmax()))
        sequence = torch.cat([sequence, torch.tensor([[greedy[-1]]])], dim=1)
        row = model(input_ids=sequence, pixel_values=pixels).logits[0, -1]
        forced.append(row)
    return {
        "input_ids": ids[0].int(),
        "image_features": torch.cat(list(features)),
        "logits": logits[-NUM_LAST:],
        "greedy_ids": torch.tensor(greedy, dtype=torch.int32),
        "forced_logits": torch.stack(forced),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    picture = golden_picture()
    picture.save(options.out / "golden.png")
    speaker = Speaker(options.checkpoint)
    tensors = golden_tensors(speaker, picture)
    metadata = {
        "reference": "transformers LlavaForConditionalGeneration, float32",
        "question": QUESTION,
        "answer": speaker.tokenizer.decode(tensors["greedy_ids"], skip_special_tokens=False),
        "smallest_margin": str(smallest_margin(tensors)),
    }
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, options.out / "golden.safetensors", metadata
    )
    (options.out / "golden.safetensors").chmod(0o644)
    print(metadata)


def smallest_margin(tensors: dict[str, torch.Tensor]) -> float:
    rows = torch.cat([tensors["logits"][-1:], tensors["forced_logits"][:-1]])
    best = rows.topk(2, dim=-1).values
    return round(float((best[:, 0] - best[:, 1]).min()), 4)


if __name__ == "__main__":
    main()
