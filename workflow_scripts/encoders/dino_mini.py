"""A small DINO, trained by `train_dino_mini` on composed drawings without labels; any folder of timm's works."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import Weights as Settings

CONFIG, WEIGHTS = _timm.CONFIG, _timm.WEIGHTS


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    return _timm.load(settings, "make it with `snakemake dino_mini`, or get it by `dvc pull`")
