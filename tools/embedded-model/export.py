"""Writes the checkpoint folder that `LlavaForConditionalGeneration.from_pretrained` and the engine load.

python export.py WORK OUT      from what the joint stage has saved so far
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import LlavaForConditionalGeneration

from batches import CLIP_MEAN, CLIP_STD
from model import BOS_ID, END_ID, PAD_ID, build_model
from render import GRID, IMAGE_SIDE
from tokens import as_transformers, load_or_train_tokenizer

HERE = Path(__file__).parent


def image_processor_config() -> dict:
    return {
        "image_processor_type": "LlavaImageProcessor",
        "do_convert_rgb": True,
        "do_pad": True,
        "do_resize": True,
        "size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        "resample": 3,
        "do_center_crop": False,
        "crop_size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": rounded(CLIP_MEAN),
        "image_std": rounded(CLIP_STD),
    }


def rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 8) for value in values.tolist()]


def export_checkpoint(model: LlavaForConditionalGeneration, work: Path, out: Path, seed: int) -> None:
    """Weights in float16; the tokenizer, the processors and the generation settings beside them."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config.update(
        bos_token_id=BOS_ID, eos_token_id=END_ID, pad_token_id=PAD_ID, do_sample=False, max_new_tokens=200
    )
    model.generation_config._from_model_config = False
    model.half().save_pretrained(out)
    rename_tower(out / "model.safetensors")
    as_transformers(load_or_train_tokenizer(work, seed)).save_pretrained(out)
    processor = {
        "processor_class": "LlavaProcessor",
        "image_token": "<image>",
        "patch_size": IMAGE_SIDE // GRID,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    write_json(out / "preprocessor_config.json", {"processor_class": "LlavaProcessor", **image_processor_config()})
    write_json(out / "processor_config.json", processor)
    shutil.copy(HERE / "model-card.md", out / "README.md")


def rename_tower(path: Path) -> None:
    """Gives the tower's tensors the names of published LLaVA checkpoints, which every loader knows."""
    tensors = load_file(path)
    old, new = "vision_tower.", "vision_tower.vision_model."
    save_file(
        {name.replace(old, new) if new not in name else name: t for name, t in tensors.items()}, path, {"format": "pt"}
    )
    # save_pretrained leaves the file readable by its owner only.
    path.chmod(0o644)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def export_from_training(work: Path, out: Path, seed: int) -> None:
    model = build_model(seed)
    model.load_state_dict(torch.load(work / "answers.pt", weights_only=False)["model"])
    export_checkpoint(model, work, out, seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    export_from_training(options.work, options.out, options.seed)
