"""Stage 3: tower, projector and decoder together. The dense labels stay as a second loss, so that the tower goes on learning.

Words teach the tower little for what they cost, so every step also shows it a batch of pictures without any.
The last part of the time can be spent with weights rounded to INT4 in the forward pass (`--int4-from`).
"""

import argparse
import random
from pathlib import Path

import torch
from torch.nn import functional as F

from batches import batches
from dialogue import PicturePool, TextPool, speaking_loss
from model import OracleFeatures, PatchHeads, build_model, patch_features
from optim import Optimiser
from quantise import rounded_to_int4
from stage import Stage
from tokens import Encoder, load_or_train_tokenizer
from train_vision import heads_loss, patches_to_keep

ALIGN_STEPS = 150


def align_projector(model, oracle: OracleFeatures, stream) -> None:
    """Teaches the projector alone to give what the oracle gave, so that the decoder understands the tower at once."""
    projector = model.model.multi_modal_projector
    optimiser = torch.optim.AdamW(projector.parameters(), 3e-3, weight_decay=0.0)
    for step in range(ALIGN_STEPS):
        batch = next(stream)
        with torch.no_grad():
            seen = patch_features(model, batch.pixels)
            wanted = oracle(batch.labels, batch.centres)
        loss = F.mse_loss(projector(seen), wanted) / wanted.var()
        optimiser.zero_grad()
        loss.backward()
        optimiser.param_groups[0]["lr"] = 3e-3 * (1 - step / ALIGN_STEPS)
        optimiser.step()
        if step % 25 == 24:
            print(f"align step {step + 1} unexplained variance {loss.item():.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--int4-from", type=float, default=0.9, help="share of the time after which weights are rounded to INT4"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    model = build_model(options.seed)
    heads = PatchHeads(model.config.vision_config.hidden_size)
    parts = model.model
    # The tower comes here nearly finished, the decoder does not.
    optimiser = Optimiser(
        [(parts.vision_tower, 0.5), (heads, 0.5), (parts.multi_modal_projector, 1.0), (parts.language_model, 1.0)],
        lr=2e-3,
    )
    stage = Stage(options.work, "joint", options.minutes, options.threads)
    stage.attach(model=model, heads=heads, optimiser=optimiser)
    encoder = Encoder(load_or_train_tokenizer(options.work, options.seed))
    rng = random.Random(f"{options.seed}/joint/{stage.step}")
    pool = TextPool(rng, encoder, options.batch // 4)
    stream = batches(options.work / "pictures", 8 * options.batch, options.seed + 1000 + stage.step)
    shown = PicturePool(rng, encoder, stream, options.batch)
    wordless = batches(options.work / "pictures", 2 * options.batch, options.seed + 2000 + stage.step)
    if stage.step == 0:
        oracle = OracleFeatures(model.config.text_config.hidden_size)
        saved = torch.load(options.work / "vision.pt", weights_only=False)
        parts.vision_tower.load_state_dict(saved["tower"])
        heads.load_state_dict(saved["heads"])
        saved = torch.load(options.work / "text.pt", weights_only=False)
        parts.language_model.load_state_dict(saved["decoder"])
        oracle.load_state_dict(saved["oracle"])
        align_projector(model, oracle, batches(options.work / "pictures", 16, options.seed + 3000))

    while stage.running():
        batch, ids, spoken = shown.next()
        with rounded_to_int4(model, active=stage.share_done >= options.int4_from):
            features = patch_features(model, batch.pixels)
            loss, right = speaking_loss(model, ids, spoken, parts.multi_modal_projector(features))
            dense_loss, dense_right = heads_loss(heads, features, batch)
            (loss + 0.25 * dense_loss).backward()
            text_loss, text_right = speaking_loss(model, *pool.next(), None)
            (text_loss * 0.4).backward()
            extra = next(wordless)
            keep = patches_to_keep(extra)
            extra_loss, _ = heads_loss(heads, patch_features(model, extra.pixels, keep), extra.kept(keep))
            (extra_loss * 0.25).backward()
        norm = optimiser.step(stage.share_done)
        stage.tick(
            loss=loss.item(), right=right, text=text_loss.item(), text_right=text_right, norm=norm, **dense_right
        )
    stage.save()


if __name__ == "__main__":
    main()
