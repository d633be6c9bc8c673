"""The tokenizer (byte-level BPE trained on the generated conversations) and the chat format in tokens.

<s> [<|system|>TEXT<|end|>] ( <|user|>[<image>]TEXT<|end|> <|assistant|>TEXT<|end|> )*
"""

import random
from functools import lru_cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from conversations import Conversation, about_picture, without_picture
from model import BOS_ID, END_ID, IMAGE_ID, NUM_PATCHES, VOCAB_SIZE
from pictures import Picture
from world import sample_scene

# In the order of their ids, see model.PAD_ID and its neighbours.
SPECIAL_TOKENS = ("<pad>", "<s>", "<|end|>", "<image>", "<|user|>", "<|assistant|>", "<|system|>")
USER_ID, ASSISTANT_ID, SYSTEM_ID = 4, 5, 6

CHAT_TEMPLATE = """{{- bos_token -}}
{%- for message in messages -%}
{{- '<|' + message['role'] + '|>' -}}
{%- if message['content'] is string -%}
{{- message['content'] -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- elif part['type'] == 'text' -%}{{- part['text'] -}}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def train_tokenizer(seed: int, num_conversations: int = 40_000) -> Tokenizer:
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()

    def texts():
        for _ in range(num_conversations):
            if rng.random() < 0.5:
                conversation = about_picture(rng, Picture("things", sample_scene(rng), None), 4)
            else:
                conversation = without_picture(rng)
            for turn in conversation.turns:
                yield turn.user
                yield turn.answer

    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def load_or_train_tokenizer(work: Path, seed: int) -> Tokenizer:
    path = work / "tokenizer.json"
    if not path.exists():
        train_tokenizer(seed).save(str(path))
    return Tokenizer.from_file(str(path))


def as_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="<|end|>",
        extra_special_tokens={"image_token": "<image>"},
        chat_template=CHAT_TEMPLATE,
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


class Encoder:
    """Conversations as ids, with a mask of the ids that the model itself has to say."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.ids = lru_cache(maxsize=50_000)(lambda text: tokenizer.encode(text, add_special_tokens=False).ids)

    def conversation(self, conversation: Conversation) -> tuple[list[int], list[bool]]:
        ids: list[int] = [BOS_ID]
        if conversation.system is not None:
            ids += [SYSTEM_ID, *self.ids(conversation.system), END_ID]
        spoken = [False] * len(ids)
        for index, turn in enumerate(conversation.turns):
            picture = [IMAGE_ID] * NUM_PATCHES if index == conversation.picture_at else []
            asked = [USER_ID, *picture, *self.ids(turn.user), END_ID, ASSISTANT_ID]
            answer = [*self.ids(turn.answer), END_ID]
            ids += asked + answer
            spoken += [False] * len(asked) + [True] * len(answer)
        return ids, spoken
