"""The architecture: sizes of the LLaVA model, and the two helpers that are only used while training.

`PatchHeads` reads from every patch what is known of the scene; `OracleFeatures` is its inverse: it stands in for the vision
tower so that the decoder can learn to talk about pictures before the tower can see.
"""

import torch
from torch import nn
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from render import GRID, IMAGE_SIDE
from world import COLOURS, KINDS, MAX_THINGS

VOCAB_SIZE = 1536
PAD_ID, BOS_ID, END_ID, IMAGE_ID = 0, 1, 2, 3
NUM_PATCHES = GRID * GRID

# What the heads tell of a patch: name -> number of classes. 0 is "no thing here" (for count: "nothing to recognise").
PATCH_LABELS = {
    "kind": 1 + len(KINDS),
    "colour": 1 + len(COLOURS),
    "size": 3,
    "rank": 1 + MAX_THINGS,
    "count": 1 + MAX_THINGS,
}


def build_config() -> LlavaConfig:
    """Every linear layer reads a multiple of 64 values: groups of 64 are what INT4 scales are made for."""
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=3,
        image_size=IMAGE_SIDE,
        patch_size=IMAGE_SIDE // GRID,
        projection_dim=192,
        hidden_act="quick_gelu",
    )
    text = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=1024,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=END_ID,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=IMAGE_ID,
        projector_hidden_act="gelu",
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=NUM_PATCHES,
        tie_word_embeddings=True,
    )


def build_model(seed: int) -> LlavaForConditionalGeneration:
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(build_config())
    positions = model.model.vision_tower.embeddings.position_embedding.weight
    with torch.no_grad():
        positions[1:] = 0.3 * grid_waves(positions.shape[1])
    return model


def grid_waves(hidden: int) -> torch.Tensor:
    """Sines and cosines of row and column [64, hidden]: neighbours look alike from the start, which saves many steps."""
    row, column = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    frequencies = 2 * torch.pi / torch.logspace(0.4, 1.5, hidden // 4)
    waves = [f(axis.reshape(-1, 1) * frequencies) for axis in (row, column) for f in (torch.sin, torch.cos)]
    return torch.cat(waves, dim=1)


def patch_features(
    model: LlavaForConditionalGeneration, pixels: torch.Tensor, keep: torch.Tensor | None = None
) -> torch.Tensor:
    """What LLaVA takes of the vision tower: the last layer without the class token and without the final norm [batch, 64, 192].

    `keep` [batch, kept] leaves only these patches in the picture and gives [batch, kept, 192]: cheaper while training.
    """
    tower = model.model.vision_tower
    hidden = tower.embeddings(pixels)
    if keep is not None:
        patches = hidden[:, 1:].gather(1, keep[..., None].expand(-1, -1, hidden.shape[-1]))
        hidden = torch.cat([hidden[:, :1], patches], dim=1)
    return tower.encoder(inputs_embeds=tower.pre_layrnorm(hidden)).last_hidden_state[:, 1:]


class PatchHeads(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.classes = nn.Linear(hidden, sum(PATCH_LABELS.values()))
        self.centre = nn.Linear(hidden, 2)

    def forward(self, features: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        normed = self.norm(features)
        parts = self.classes(normed).split(list(PATCH_LABELS.values()), dim=-1)
        return dict(zip(PATCH_LABELS, parts)), self.centre(normed)


class OracleFeatures(nn.Module):
    """Embeds the true patch labels [batch, 64] and centres [batch, 64, 2] as image features [batch, 64, hidden]."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.tables = nn.ModuleDict({name: nn.Embedding(size, hidden) for name, size in PATCH_LABELS.items()})
        self.centre = nn.Linear(2, hidden)
        self.position = nn.Parameter(torch.zeros(NUM_PATCHES, hidden))
        for table in self.tables.values():
            nn.init.normal_(table.weight, std=0.1)
        nn.init.normal_(self.position, std=0.1)

    def forward(self, labels: dict[str, torch.Tensor], centres: torch.Tensor) -> torch.Tensor:
        total = self.position + self.centre(centres)
        for name, table in self.tables.items():
            total = total + table(labels[name])
        return total
