"""A small CLIP, trained by `train_clip_mini` on composed drawings and their captions; any open_clip folder works."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder

SETTINGS = {
    "path": {"description": "Folder of an open_clip model: configuration, weights, tokenizer.", "type": "string"},
    "precision": {
        "description": "Arithmetic of the network; auto is bf16 where the hardware has it, else fp32.",
        "enum": ["auto", "fp32", "bf16"],
    },
}
CONFIG, WEIGHTS = _open_clip.CONFIG, _open_clip.WEIGHTS


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `precision`."""
    return _open_clip.load(settings, "make it with `snakemake clip_mini`, or get it by `dvc pull`", crop_first=True)
