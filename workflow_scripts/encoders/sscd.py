"""SSCD (Pizzi et al., 2022), a ResNet-50 trained to find copies, an encoder of the paper: 512 features of length 1."""

import torch

from workflow_scripts import artifacts
from workflow_scripts.encoders._images import NetworkEncoder, Resize, feature_width
from workflow_scripts.encoders._weights import WeightsFile, download
from workflow_scripts.study.options import PublishedWeights as Settings

URL = "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt"
DIM, SIZE = 512, 288


def load(settings: Settings) -> NetworkEncoder:
    file = WeightsFile(settings, download(URL))
    try:
        # wrapped, because modules of TorchScript cannot be frozen
        network = torch.nn.Sequential(torch.jit.load(file.path, map_location="cpu"))
        width = feature_width(network, SIZE)
    except RuntimeError as error:
        raise file.refusal(f"is no TorchScript network for images ({artifacts.first_sentence(error)})") from error
    if width != DIM:
        raise file.refusal(f"makes {width} features, expected {DIM}")
    resize = Resize(SIZE, interpolation="bilinear")  # as its authors recommend
    return NetworkEncoder(network, DIM, SIZE, settings.precision, resize=resize)
