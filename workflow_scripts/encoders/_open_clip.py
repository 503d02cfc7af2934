"""Image towers of open_clip, from a folder as on its hub; the text tower is not even read."""

from pathlib import Path

import open_clip
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from workflow_scripts import artifacts
from workflow_scripts.encoders._images import NetworkEncoder, Resize, feature_width
from workflow_scripts.encoders._weights import WeightsFile, require
from workflow_scripts.study.options import Weights

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1}  # open_clip wants two towers


def load(settings: Weights, remedy: str, crop_first: bool = False, quick_gelu: bool | None = None) -> NetworkEncoder:
    """The image tower of a folder, with the preprocessing of the folder's configuration; see `EncoderModule.load`.

    Args:
        crop_first: cut out the central square before resizing, whatever the configuration says.
        quick_gelu: replaces the configuration's, unless None.
    """
    config = require(Path(settings.path), CONFIG, remedy)
    file = WeightsFile(settings, remedy, WEIGHTS)
    content = artifacts.read_json(config)
    try:
        model = content["model_cfg"]
        vision = model["vision_cfg"] | {"timm_model_pretrained": False}  # or timm asks the hub
        quick = model.get("quick_gelu", False) if quick_gelu is None else quick_gelu
        tower = open_clip.CLIP(model["embed_dim"], vision, NO_TEXT, quick).visual
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = artifacts.first_sentence(error)
        raise ValueError(f"{config}: open_clip makes no model of it ({reason}); {remedy}") from error
    file.fill(tower, file.read(), prefix="visual.")
    image = merge_preprocess_dict(PreprocessCfg(), content.get("preprocess_cfg", {}))
    size = tower.image_size[0]
    resize = None if crop_first else Resize.from_config(config, size, image["resize_mode"], image["interpolation"])
    width = feature_width(tower, size)
    return NetworkEncoder(tower, width, size, settings.precision, image["mean"], image["std"], resize)
