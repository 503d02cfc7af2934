"""A small DINO, trained by `train_dino_mini` on composed drawings without labels; any folder of timm's works."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import Weights

CONFIG, WEIGHTS = _timm.CONFIG, _timm.WEIGHTS


@dataclass(frozen=True)
class Settings(Weights):
    """The section `encoders.dino_mini` of a study."""

    path: Annotated[str, Meta(description="Folder of a timm network: config.json and model.safetensors.")]


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    return _timm.load(settings, "make it with `snakemake dino_mini`, or get it by `dvc pull`")
