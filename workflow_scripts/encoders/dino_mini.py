"""A small DINO that `train_dino_mini` trains on composed drawings without labels; any timm folder works."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import Weights as Settings

CONFIG, WEIGHTS = _timm.CONFIG, _timm.WEIGHTS


def load(settings: Settings) -> NetworkEncoder:
    return _timm.load(settings, "make it with `snakemake dino_mini`, or get it by `dvc pull`")
