"""Greedy answers of a checkpoint to questions about pictures, in batches, through the public transformers interface."""

from pathlib import Path

import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from batches import normalised
from render import GRID, model_pixels

Message = dict[str, object]


def user_message(text: str, with_picture: bool) -> Message:
    parts = [{"type": "image"}] if with_picture else []
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


class Speaker:
    """A model with its tokenizer; pictures go through `render.model_pixels`, which equals the shipped image processor."""

    def __init__(self, checkpoint: Path) -> None:
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint, padding_side="left")
        self.model = LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()

    def prompt(self, messages: list[Message]) -> str:
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text.replace("<image>", "<image>" * GRID * GRID)

    @torch.inference_mode()
    def answers(
        self, conversations: list[list[Message]], pictures: list[Image.Image], max_new_tokens: int = 64
    ) -> list[str]:
        """One answer per conversation; `pictures` in the order in which the conversations mention them."""
        encoded = self.tokenizer(
            [self.prompt(c) for c in conversations], padding=True, add_special_tokens=False, return_tensors="pt"
        )
        if pictures:
            encoded["pixel_values"] = torch.cat([normalised(model_pixels(picture)[None]) for picture in pictures])
        ids = self.model.generate(**encoded, max_new_tokens=max_new_tokens, do_sample=False)
        return self.tokenizer.batch_decode(ids[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
