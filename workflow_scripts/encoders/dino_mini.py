"""A small DINO, trained by `train_dino_mini` on composed drawings without labels; any folder of timm's works."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder

SETTINGS = {
    "path": {"description": "Folder of a timm network: config.json and model.safetensors.", "type": "string"},
    "precision": {
        "description": "Arithmetic of the network; auto is bf16 where the hardware has it, else fp32.",
        "enum": ["auto", "fp32", "bf16"],
    },
}


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `precision`."""
    return _timm.load(settings, "make it with `snakemake dino_mini`, or get it by `dvc pull`")
