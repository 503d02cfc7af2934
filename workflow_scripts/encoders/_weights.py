"""Weights that others trained: a file that is checked before it is opened, and fills a network without a gap."""

from collections.abc import Mapping
from pathlib import Path

import torch

from workflow_scripts import artifacts


class WeightsFile:
    """A file of weights, safetensors or of `torch.save`; no code in it is ever run.

    Args:
        sha256: of the file, as 64 hex digits; None leaves it unchecked.
        remedy: where to get the file; every refusal ends with it.

    Raises:
        ValueError: there is no such file, or it is another one.
    """

    def __init__(self, path: Path, sha256: str | None, remedy: str) -> None:
        self.path, self.remedy = path, remedy
        require(path.parent, path.name, remedy)
        if sha256 is not None and (digest := artifacts.file_hash(path)) != sha256:
            raise self.refusal(f"its sha256 is {digest}, but the study says {sha256}")

    def refusal(self, problem: str) -> ValueError:
        """What to raise for a problem with this file."""
        return ValueError(f"{self.path}: {problem}; {self.remedy}")

    def read(self, entry: str | None = None) -> Mapping[str, torch.Tensor]:
        """The tensors by key, or those in one entry of a checkpoint that holds more.

        Raises:
            ValueError: the file holds no tensors by key, or no such entry.
        """
        try:
            content = artifacts.read_weights(self.path)
        except ValueError as error:
            raise ValueError(f"{error}; {self.remedy}") from error
        if entry is not None:
            if entry not in content:
                raise self.refusal(f"has no entry {entry!r}")
            content = content[entry]
        if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
            raise self.refusal("does not hold tensors by key")
        return content

    def fill(
        self,
        network: torch.nn.Module,
        state: Mapping[str, torch.Tensor],
        prefix: str = "",
        unused: tuple[str, ...] = (),
    ) -> None:
        """Copies tensors into a network: all that it has, and nothing else.

        Args:
            state: as from `read`.
            prefix: of the network's keys in the file; what has another belongs to other networks.
            unused: beginnings of keys with this prefix that are parts only training needed.

        Raises:
            ValueError: a key is missing, unexpected, or of another shape.
        """
        given = {key: state[key] for key in state if key.startswith(prefix) and not key.startswith(unused)}
        own = {prefix + name: tensor for name, tensor in network.state_dict().items()}
        if missing := own.keys() - given.keys():
            raise self.refusal(f"lacks {min(missing)!r} ({len(missing)} of {len(own)} keys are missing)")
        if unexpected := given.keys() - own.keys():
            raise self.refusal(f"has the unexpected key {min(unexpected)!r} ({len(unexpected)} in all)")
        for key, tensor in own.items():
            if given[key].shape != tensor.shape:
                raise self.refusal(f"{key!r} has shape {list(given[key].shape)}, expected {list(tensor.shape)}")
        network.load_state_dict({key.removeprefix(prefix): tensor for key, tensor in given.items()})


def require(folder: Path, name: str, remedy: str) -> Path:
    """The file `name` of a folder; raises `ValueError` if there is none."""
    if not (folder / name).is_file():
        raise ValueError(f"{folder}: lacks {name}; {remedy}")
    return folder / name
