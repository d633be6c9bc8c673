"""The decoder's side of training: token batches of conversations, and the loss on what the model has to say."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration

from batches import Batch
from conversations import about_picture, without_picture
from model import IMAGE_ID, PAD_ID
from pictures import Picture
from tokens import Encoder

MAX_TOKENS = 400


def padded(encoded: list[tuple[list[int], list[bool]]]) -> tuple[torch.Tensor, torch.Tensor]:
    length = min(MAX_TOKENS, max(len(ids) for ids, _ in encoded))
    ids = torch.full((len(encoded), length), PAD_ID)
    spoken = torch.zeros(len(encoded), length, dtype=torch.bool)
    for row, (row_ids, row_spoken) in enumerate(encoded):
        size = min(length, len(row_ids))
        ids[row, :size] = torch.tensor(row_ids[:size])
        spoken[row, :size] = torch.tensor(row_spoken[:size])
    return ids, spoken


@dataclass
class Row:
    ids: list[int]
    spoken: list[bool]
    # Indices of the pictures that it shows, in their order.
    pictures: list[int]


def picture_rows(
    rng: random.Random, encoder: Encoder, pictures: list[Picture], usual: range, involved: float
) -> list[Row]:
    """Conversations about all pictures, of `usual` turns or few. Some show a second picture and go on about that."""
    rows: list[Row] = []
    is_short = False
    for index, picture in enumerate(pictures):
        goes_on = is_short and rng.random() < 0.7
        is_short = goes_on or rng.random() < 0.2
        # A picture of nothing needs few turns: its answer is always the same.
        numbers = range(1, 4) if is_short else usual
        turns = rng.choice(numbers) if picture.sort == "things" else min(2, numbers[-1])
        ids, spoken = encoder.conversation(about_picture(rng, picture, turns, not goes_on, involved))
        if goes_on and len(rows[-1].ids) + len(ids) <= MAX_TOKENS:
            before = rows[-1]
            rows[-1] = Row(before.ids + ids[1:], before.spoken + spoken[1:], [*before.pictures, index])
            is_short = False
        else:
            rows.append(Row(ids, spoken, [index]))
    return rows


class PicturePool:
    """Batches of conversations about pictures, each of similar length, from a stream of much larger batches of pictures."""

    def __init__(
        self,
        rng: random.Random,
        encoder: Encoder,
        stream: Iterator[Batch],
        batch_size: int,
        turns: range = range(6, 11),
        involved: float = 1,
    ) -> None:
        self.rng, self.encoder, self.stream, self.batch_size = rng, encoder, stream, batch_size
        self.turns, self.involved = turns, involved
        self.pictures: Batch | None = None
        self.ready: list[list[Row]] = []

    def next(self) -> tuple[Batch, torch.Tensor, torch.Tensor]:
        """Pictures, ids [batch, length] and which of them the model says, [batch, length]."""
        if not self.ready:
            self.pictures = next(self.stream)
            rows = picture_rows(self.rng, self.encoder, self.pictures.pictures, self.turns, self.involved)
            rows.sort(key=lambda row: len(row.ids))
            self.ready = [rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size)]
            self.rng.shuffle(self.ready)
        rows = self.ready.pop()
        shown = self.pictures.only([index for row in rows for index in row.pictures])
        return shown, *padded([(row.ids, row.spoken) for row in rows])


class TextPool:
    """Conversations without pictures in batches of similar length, so that little is padded."""

    def __init__(self, rng: random.Random, encoder: Encoder, batch_size: int) -> None:
        self.rng, self.encoder, self.batch_size = rng, encoder, batch_size
        self.ready: list[list[tuple[list[int], list[bool]]]] = []

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.ready:
            pool = [self.encoder.conversation(without_picture(self.rng)) for _ in range(self.batch_size * 16)]
            pool.sort(key=lambda pair: len(pair[0]))
            self.ready = [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
            self.rng.shuffle(self.ready)
        return padded(self.ready.pop())


def speaking_loss(
    model: LlavaForConditionalGeneration, ids: torch.Tensor, spoken: torch.Tensor, features: torch.Tensor | None
) -> tuple[torch.Tensor, float]:
    """Mean cross entropy of the spoken tokens and the share of them that would be said right.

    Rows are padded on the right and attention is causal, so that no mask is needed.
    """
    embedded = model.get_input_embeddings()(ids)
    if features is not None:
        embedded = embedded.masked_scatter((ids == IMAGE_ID)[..., None], features)
    hidden = model.model.language_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    wanted = spoken[:, 1:]
    logits = model.lm_head(hidden[:, :-1][wanted])
    targets = ids[:, 1:][wanted]
    return F.cross_entropy(logits, targets), (logits.argmax(-1) == targets).float().mean().item()
