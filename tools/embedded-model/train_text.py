"""Stage 2: the decoder learns to talk, about pictures too, whose features an oracle makes from the true labels.

It needs no vision tower and so runs beside stage 1 on another core.
"""

import argparse
import random
from pathlib import Path

import torch

from batches import batches
from dialogue import PicturePool, TextPool, speaking_loss
from model import OracleFeatures, build_model
from optim import Optimiser
from stage import Stage
from tokens import Encoder, load_or_train_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    model = build_model(options.seed)
    decoder = model.model.language_model
    oracle = OracleFeatures(model.config.text_config.hidden_size)
    optimiser = Optimiser([(decoder, 1.0), (oracle, 1.0)], lr=2e-3)
    stage = Stage(options.work, "text", options.minutes, options.threads)
    stage.attach(decoder=decoder, oracle=oracle, optimiser=optimiser)
    encoder = Encoder(load_or_train_tokenizer(options.work, options.seed))
    rng = random.Random(f"{options.seed}/{stage.step}")
    # Stories teach copying (names, heroes), which answers about pictures need too.
    pool = TextPool(rng, encoder, options.batch // 2)
    stream = batches(options.work / "pictures", 8 * options.batch, options.seed + stage.step)
    shown = PicturePool(rng, encoder, stream, options.batch)
    while stage.running():
        batch, ids, spoken = shown.next()
        loss, right = speaking_loss(model, ids, spoken, oracle(batch.labels, batch.centres))
        loss.backward()
        text_loss, text_right = speaking_loss(model, *pool.next(), None)
        (text_loss * 0.5).backward()
        norm = optimiser.step(stage.share_done)
        stage.tick(loss=loss.item(), right=right, text=text_loss.item(), text_right=text_right, norm=norm)
    stage.save()


if __name__ == "__main__":
    main()
