"""Stage 4: the decoder alone goes on to learn answers, with what the finished tower shows it.

What an answer needs is in the picture's rows and in the description before it; to look it up there takes the decoder many
more steps than it takes the tower to see. So steps are small here, and none goes through the tower.
"""

import argparse
import random
from pathlib import Path

import torch

from batches import batches
from dialogue import PicturePool, TextPool, speaking_loss
from model import build_model, patch_features
from optim import Optimiser
from quantise import rounded_to_int4
from stage import Stage
from tokens import Encoder, load_or_train_tokenizer

# Fewer than in the joint stage: more pictures for the time, and more first answers.
TURNS = range(2, 6)
# What takes longest to learn is asked more often.
INVOLVED = 2.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument(
        "--int4-from", type=float, default=0.85, help="share of the time after which weights are rounded to INT4"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    model = build_model(options.seed)
    decoder, projector = model.model.language_model, model.model.multi_modal_projector
    optimiser = Optimiser([(decoder, 1.0)], lr=1.5e-3)
    stage = Stage(options.work, "answers", options.minutes, options.threads)
    stage.attach(model=model, optimiser=optimiser)
    if stage.step == 0:
        model.load_state_dict(torch.load(options.work / "joint.pt", weights_only=False)["model"])
    encoder = Encoder(load_or_train_tokenizer(options.work, options.seed))
    rng = random.Random(f"{options.seed}/answers/{stage.step}")
    pool = TextPool(rng, encoder, options.batch // 6)
    stream = batches(options.work / "pictures", 8 * options.batch, options.seed + 4000 + stage.step)
    shown = PicturePool(rng, encoder, stream, options.batch, TURNS, INVOLVED)
    while stage.running():
        batch, ids, spoken = shown.next()
        with rounded_to_int4(model, active=stage.share_done >= options.int4_from):
            with torch.no_grad():
                features = projector(patch_features(model, batch.pixels))
            loss, right = speaking_loss(model, ids, spoken, features)
            loss.backward()
            text_loss, text_right = speaking_loss(model, *pool.next(), None)
            (text_loss * 0.3).backward()
        norm = optimiser.step(stage.share_done)
        stage.tick(loss=loss.item(), right=right, text=text_loss.item(), text_right=text_right, norm=norm)
    stage.save()


if __name__ == "__main__":
    main()
