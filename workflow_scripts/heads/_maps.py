"""The maps of one side that heads learn, in PyTorch: linear, one weight per feature, and an MLP (paper section 4).

The first two start as the identity and learn their difference from it, so that weight decay pulls towards the untuned
features instead of towards zero: hundreds of exemplars do not determine a million weights.
"""

import torch
import torch.nn.functional as F
from torch import nn

from workflow_scripts.heads import Tensors


class Map(nn.Module):
    """A map of rows [b, d] to rows [b, d']."""

    def penalty(self) -> torch.Tensor | float:
        """A term of the loss."""
        return 0.0

    def tensors(self) -> Tensors:
        """Float32 copies of what was trained, from which the head's `apply` computes the same without PyTorch."""
        raise NotImplementedError


class NearIdentity(Map):
    """x -> x W^T + b with W = I + D, where D and b start at zero."""

    def __init__(self, dim: int, orthogonality: float = 0.0) -> None:
        super().__init__()
        self.difference = nn.Parameter(torch.zeros(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.orthogonality = orthogonality

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + F.linear(features, self.difference, self.bias)

    def penalty(self) -> torch.Tensor | float:
        """||W W^T - I||_F^2 / d times `orthogonality`; at 0 the product of matrices is left out."""
        if self.orthogonality == 0:
            return 0.0
        identity = torch.eye(len(self.bias))
        weight = identity + self.difference
        return self.orthogonality * (weight @ weight.T - identity).square().sum() / len(weight)

    def tensors(self) -> Tensors:
        weight = torch.eye(len(self.bias)) + self.difference.detach()
        return {"weight": weight.numpy(), "bias": self.bias.detach().numpy().copy()}


class Channel(Map):
    """x -> w * x with w = 1 + D, where D [d] starts at zero."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.difference = nn.Parameter(torch.zeros(dim))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features * (1 + self.difference)

    def tensors(self) -> Tensors:
        return {"scale": (1 + self.difference.detach()).numpy()}


class Mlp(Map):
    """Two layers [d, hidden] and [hidden, out] with batch norm and ReLU between them, randomly initialised."""

    def __init__(self, dim: int, hidden: int, out: int) -> None:
        super().__init__()
        self.first = nn.Linear(dim, hidden, bias=False)  # batch norm would subtract a bias again
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.second(F.relu(self.norm(self.first(features))))

    def tensors(self) -> Tensors:
        """Folds batch norm's running mean and variance into a scale and a shift."""
        scale = (self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)).detach()
        shift = self.norm.bias.detach() - self.norm.running_mean * scale
        return {
            "weight1": self.first.weight.detach().numpy().copy(),
            "scale1": scale.numpy(),
            "shift1": shift.numpy(),
            "weight2": self.second.weight.detach().numpy().copy(),
            "bias2": self.second.bias.detach().numpy().copy(),
        }
