"""Weights that others trained: a file that is checked before it is opened, and must fill a network completely."""

from collections.abc import Mapping
from pathlib import Path

import torch

from workflow_scripts import artifacts
from workflow_scripts.study.options import Weights


def download(source: str) -> str:
    """What to do about missing or wrong weights that others published."""
    return f"download {source} and set `path` and `sha256` to it"


def require(folder: Path, name: str, remedy: str) -> Path:
    """The file `name` of a folder; raises `ValueError` if there is none."""
    if not (folder / name).is_file():
        raise ValueError(f"{folder}: lacks {name}; {remedy}")
    return folder / name


class WeightsFile:
    """A file of weights, safetensors or of `torch.save`, in the folder or at the path of an encoder's settings.

    Its methods raise `ValueError` if the file does not fit. Each message ends with `remedy`: where to get the file.
    """

    def __init__(self, settings: Weights, remedy: str, name: str = "") -> None:
        self.path, self.remedy = Path(settings.path, name), remedy
        require(self.path.parent, self.path.name, remedy)
        sha256 = getattr(settings, "sha256", None)
        if sha256 is not None and (digest := artifacts.file_hash(self.path)) != sha256:
            raise self.refusal(f"its sha256 is {digest}, but the study says {sha256}")

    def refusal(self, problem: str) -> ValueError:
        """The error to raise for a problem with this file."""
        return ValueError(f"{self.path}: {problem}; {self.remedy}")

    def read(self, entry: str | None = None) -> Mapping[str, torch.Tensor]:
        """The tensors by key, or those in one entry of a checkpoint that holds more. No code in the file is run."""
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
        """Copies tensors into a network, which must have the same keys.

        Args:
            state: as from `read`.
            prefix: of the network's keys in the file; keys without it belong to other networks.
            unused: beginnings of keys (with the prefix) of parts that only training needed.
        """
        content = {key: state[key] for key in state if key.startswith(prefix) and not key.startswith(unused)}
        own = {prefix + name: tensor for name, tensor in network.state_dict().items()}
        if missing := own.keys() - content.keys():
            raise self.refusal(f"lacks {min(missing)!r} ({len(missing)} of {len(own)} keys are missing)")
        if unexpected := content.keys() - own.keys():
            raise self.refusal(f"has the unexpected key {min(unexpected)!r} ({len(unexpected)} in all)")
        for key, tensor in own.items():
            if content[key].shape != tensor.shape:
                raise self.refusal(f"{key!r} has shape {list(content[key].shape)}, expected {list(tensor.shape)}")
        network.load_state_dict({key.removeprefix(prefix): tensor for key, tensor in content.items()})
