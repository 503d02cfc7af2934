"""A small CLIP, trained by `train_clip_mini` on composed drawings and their captions; any open_clip folder works."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.encoders._images import NetworkEncoder

SETTINGS = {
    "path": {"description": "Folder of an open_clip model: configuration, weights, tokenizer.", "type": "string"},
    "precision": {
        "description": "Arithmetic of the network; auto is bf16 where the hardware has it, else fp32.",
        "enum": ["auto", "fp32", "bf16"],
    },
}
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `precision`."""
    import open_clip

    folder = Path(settings["path"])
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: lacks {name}; make it with `snakemake clip_mini`, or get it by `dvc pull`")
    model = open_clip.create_model(f"local-dir:{folder}", require_pretrained=True)
    image = open_clip.get_model_preprocess_cfg(model)
    size = image["size"] if isinstance(image["size"], int) else image["size"][0]
    with torch.inference_mode():
        dim = model.encode_image(torch.zeros(1, 3, size, size)).shape[1]
    return NetworkEncoder(model.visual, dim, size, image["mean"], image["std"], settings["precision"])
