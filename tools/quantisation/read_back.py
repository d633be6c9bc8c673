"""Reads what `pagemind lite` wrote with Hugging Face transformers, and compares logits with ours.

    python read_back.py FOLDER logits.safetensors 1,80,147

`logits.safetensors` comes from `pagemind logits FOLDER --input-ids 1,80,147 --out logits.safetensors`. Where transformers finds
its back end for AWQ (gptqmodel), `from_pretrained` reads the folder as it is; that back end computes in f16, so logits agree to
1e-2 of their spread. Elsewhere the matrices are unpacked here, by the definition of the layout, and logits agree to 1e-3.
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def nibbles(words: torch.Tensor) -> torch.Tensor:
    """Numbers of i32 words, from the lowest bits: [..., n] becomes [..., n, 8]."""
    return (words.unsqueeze(-1) >> torch.arange(0, 32, 4)) & 15


def unpack_awq(words: torch.Tensor) -> torch.Tensor:
    """[lines, out / 8] becomes [lines, out]."""
    numbers = torch.empty_like(nibbles(words))
    numbers[..., AWQ_ORDER] = nibbles(words)
    return numbers.flatten(1)


def dequantized(tensors: dict, stem: str, quantization: dict) -> torch.Tensor:
    """The matrix [out, in]."""
    qweight, qzeros, scales = (tensors[f"{stem}.{name}"] for name in ("qweight", "qzeros", "scales"))
    if quantization["quant_method"] == "awq":
        codes, zeros = unpack_awq(qweight), unpack_awq(qzeros)
    else:
        codes = nibbles(qweight.T).flatten(1).T  # [in, out]
        zeros = nibbles(qzeros).flatten(1)
        if quantization["checkpoint_format"] == "gptq":
            zeros = (zeros + 1) & 15
    group = quantization["group_size"]
    zeros, scales = (each.repeat_interleave(group, 0) for each in (zeros, scales.float()))
    return ((codes - zeros) * scales).T.contiguous()


def load(folder: Path) -> tuple[torch.nn.Module, str]:
    config = AutoConfig.from_pretrained(folder)
    quantization = json.loads((folder / "config.json").read_text())["quantization_config"]
    if quantization["quant_method"] == "awq" and importlib.util.find_spec("gptqmodel"):
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), "gptqmodel, in f16"
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensors = {}
    for path in sorted(set(index["weight_map"].values())):
        with safe_open(folder / path, "pt") as file:
            assert file.metadata()["format"] == "pt"
        tensors |= load_file(folder / path)
    assert set(tensors) == set(index["weight_map"])
    quantised = (".qweight", ".qzeros", ".scales", ".g_idx")
    state = {name: tensor for name, tensor in tensors.items() if not name.endswith(quantised)}
    for name in tensors:
        if name.endswith(".qweight"):
            stem = name.removesuffix(".qweight")
            state[f"{stem}.weight"] = dequantized(tensors, stem, quantization)
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    head = model.get_output_embeddings().weight
    tied = {name for name, parameter in model.state_dict().items() if parameter.data_ptr() == head.data_ptr()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= tied, (missing, unexpected)
    return model, "unpacked, in f32"


def main() -> None:
    folder, ours, ids = Path(sys.argv[1]), sys.argv[2], [int(each) for each in sys.argv[3].split(",")]
    model, how = load(folder)
    with torch.no_grad():
        wanted = model.eval()(torch.tensor([ids])).logits[0]
    actual = load_file(ours)["logits"]
    error = ((actual - wanted).abs().max() / wanted.std()).item()
    print(json.dumps({"read": how, "positions": len(ids), "largest error over spread": error}))
    sys.exit(0 if error <= (1e-3 if how.endswith("f32") else 1e-2) else 1)


if __name__ == "__main__":
    main()
