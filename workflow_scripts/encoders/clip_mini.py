"""A small CLIP that `train_clip_mini` trains on composed drawings and their captions; any open_clip folder works."""

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import Weights as Settings

CONFIG, WEIGHTS = _open_clip.CONFIG, _open_clip.WEIGHTS


def load(settings: Settings) -> NetworkEncoder:
    return _open_clip.load(settings, "make it with `snakemake clip_mini`, or get it by `dvc pull`", crop_first=True)
