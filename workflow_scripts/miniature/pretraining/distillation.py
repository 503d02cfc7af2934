"""The miniature's DINO: a small vision transformer trained without labels (Caron et al., 2021, arXiv 2104.14294).

A student sees crops of a picture and predicts for each what a teacher says about another one; the teacher is the moving
average of the student. Sinkhorn and Knopp's iteration balances the assignments to prototypes within a batch; with it in
place of a running centre, the weights are the only state.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import timm
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call
from torchvision.transforms import v2

from workflow_scripts import devices
from workflow_scripts.miniature.corpus.scenes import SIZE

MEAN = STD = (0.5, 0.5, 0.5)
GLOBAL_AREA, LOCAL_AREA = (0.4, 1.0), (0.1, 0.4)  # of the picture
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.05
SINKHORN_ROUNDS = 3
HEAD_WIDTH, BOTTLENECK = 512, 128


def timm_config(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of timm's `config.json`; settings: `architecture`, `patch`, `depth`."""
    size = {"img_size": SIZE, "patch_size": settings["patch"], "depth": settings["depth"]}
    images = {"input_size": [3, SIZE, SIZE], "interpolation": "bicubic", "crop_pct": 1.0, "mean": MEAN, "std": STD}
    return {
        "architecture": settings["architecture"],
        "num_classes": 0,
        "global_pool": "token",
        "model_args": {**size, "dynamic_img_size": True},  # local crops have fewer patches
        "pretrained_cfg": {**images, "num_classes": 0},
    }


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """A timm network with random weights; `config` as from `timm_config`."""
    return timm.create_model(config["architecture"], num_classes=0, **config["model_args"])


class Student(nn.Module):
    """A network and, on top, scores of prototypes that only training needs."""

    def __init__(self, network: nn.Module, prototypes: int) -> None:
        super().__init__()
        self.network = network
        widths = itertools.pairwise((network.num_features, HEAD_WIDTH, HEAD_WIDTH, BOTTLENECK))
        layers = [layer for sizes in widths for layer in (nn.Linear(*sizes), nn.GELU())]
        self.head = nn.Sequential(*layers[:-1])
        self.prototypes = nn.Parameter(torch.randn(prototypes, BOTTLENECK))

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Cosines of views [b, 3, s, s] with the prototypes, [b, p]."""
        with devices.autocast("auto", "cpu"):
            points = self.head(self.network(views))
        return F.normalize(points.float(), dim=1) @ F.normalize(self.prototypes, dim=1).T


class Views:
    """Random crops of a batch of pictures: two large ones, which the teacher sees too, and small ones.

    Colours change little, because a picture may owe them to another one.
    """

    def __init__(self, local: int) -> None:
        self.local = local
        self.large, self.small = (
            v2.Compose(
                [
                    v2.RandomResizedCrop(size, scale=area, ratio=(0.8, 1.25), antialias=True),
                    v2.RandomHorizontalFlip(),
                    v2.RandomApply([v2.ColorJitter(0.2, 0.2, 0.2, 0.03)], 0.5),
                    v2.ToDtype(torch.float32, scale=True),
                    v2.Normalize(MEAN, STD),
                ]
            )
            for size, area in ((SIZE, GLOBAL_AREA), (SIZE // 2, LOCAL_AREA))
        )

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Uint8 [b, 3, SIZE, SIZE] to large views [2 b, 3, SIZE, SIZE] and small ones [local b, 3, SIZE/2, SIZE/2]."""
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator only
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            large = [self.large(image) for _ in range(2) for image in images]
            small = [self.small(image) for _ in range(self.local) for image in images]
        return torch.stack(large), torch.stack(small)


class DistillationLoss:
    """DINO's loss on a random batch of pictures [n, SIZE, SIZE, 3].

    `teacher` is the student's averaged parameters by name, which the trainer updates in place.
    """

    def __init__(
        self, student: Student, teacher: Mapping[str, torch.Tensor], images: np.ndarray, settings: Mapping[str, Any]
    ) -> None:
        self.student, self.teacher = student, teacher
        self.images, self.batch = torch.from_numpy(images).permute(0, 3, 1, 2), settings["batch"]
        self.views = Views(settings["local_views"])

    def __call__(self, step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(self.images), (self.batch,), generator=generator)
        large, small = self.views(self.images[rows], generator)
        with torch.no_grad():
            targets = balanced(functional_call(self.student, dict(self.teacher), (large,)))
        cosines = torch.cat([self.student(large), self.student(small)])
        return distillation_loss(cosines, targets, self.batch)


def balanced(cosines: torch.Tensor) -> torch.Tensor:
    """The teacher's assignments of n views to p prototypes [n, p]: each is used about equally often, rows sum to 1."""
    weights = (cosines / TEACHER_TEMPERATURE).exp()
    for _ in range(SINKHORN_ROUNDS):
        weights = weights / weights.sum(0, keepdim=True)
        weights = weights / weights.sum(1, keepdim=True)
    return weights


def distillation_loss(cosines: torch.Tensor, targets: torch.Tensor, batch: int) -> torch.Tensor:
    """Mean cross-entropy of every view of the student with the teacher's other large views of the same picture.

    Args:
        cosines: the student's [v b, p], view by view, the two large ones first.
        targets: the teacher's assignments [2 b, p] of the large views.
    """
    logs = (cosines / STUDENT_TEMPERATURE).log_softmax(1).split(batch)
    pairs = [(target, log) for j, target in enumerate(targets.split(batch)) for i, log in enumerate(logs) if i != j]
    return torch.stack([-(target * log).sum(1).mean() for target, log in pairs]).mean()
