"""Arrays in safetensors, and weights of PyTorch, our own or other people's."""

import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow_scripts.artifacts.files import atomic, unreadable
from workflow_scripts.artifacts.provenance import PROVENANCE, check_provenance, open_tensors, read_provenance
from workflow_scripts.cli import canonical_json

if TYPE_CHECKING:
    import torch

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")  # of torch.save and the like: opening one may run code


def write_tensors(
    path: str | os.PathLike,
    tensors: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
    sidecar: bool | Path = True,
) -> None:
    """Writes named arrays as safetensors; `provenance` goes into the header as canonical JSON."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with atomic(path, sidecar) as part, _mode_of_umask(part):
        try:
            save_file(arrays, part, metadata={PROVENANCE: canonical_json(provenance)})
        except SafetensorError as error:  # a full disk among others
            raise OSError(str(error)) from error


@contextmanager
def _mode_of_umask(part: Path) -> Iterator[None]:
    """Lets those read a file whom the umask lets; safetensors makes files that only their owner can read."""
    part.touch()
    mode = part.stat().st_mode
    yield
    part.chmod(mode)


def read_tensors(path: str | os.PathLike, expect: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
    """Reads every array of a safetensors file.

    Args:
        expect: settings that the file's provenance must hold, such as `{"encoder": "pixels"}`.

    Raises:
        ValueError: the file is corrupt, or was made with other settings; the message names file, key and both values.
    """
    check_provenance(path, read_provenance(path), expect)
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is not a dict)


def map_tensor(path: str | os.PathLike, name: str, expect: Mapping[str, Any] | None = None) -> np.ndarray:
    """A read-only memory map of one float32 array of a safetensors file, for arrays larger than memory.

    Raises:
        ValueError: as `read_tensors`, or there is no float32 array `name`.
    """
    check_provenance(path, read_provenance(path), expect)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    entry = header.get(name, {})
    if entry.get("dtype") != "F32":
        raise ValueError(f"{path}: has no float32 array {name!r}; it has {', '.join(sorted(header))}")
    if 0 in entry["shape"]:
        return np.zeros(entry["shape"], np.float32)  # an empty array cannot be mapped
    return np.memmap(path, np.float32, "r", offset=8 + length + entry["data_offsets"][0], shape=tuple(entry["shape"]))


def write_weights(path: str | os.PathLike, tensors: "Mapping[str, torch.Tensor]", metadata: Mapping[str, str]) -> None:
    """Writes tensors of PyTorch without a sidecar, by the ending of `path` as safetensors or with `torch.save`.

    Args:
        metadata: texts for the header of safetensors.
    """
    import torch
    from safetensors.torch import save_file

    with atomic(path, sidecar=False) as part:
        if Path(path).suffix in PICKLES:
            torch.save(dict(tensors), part)
        else:
            with _mode_of_umask(part):
                save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, dict(metadata))


def read_weights(path: str | os.PathLike, mmap: bool = False) -> "Mapping[str, torch.Tensor]":
    """The content of a file of weights, safetensors or of `torch.save`, on the CPU; no code in it is ever run.

    Args:
        mmap: whether the tensors of `torch.save` are memory maps, for files larger than memory.

    Raises:
        ValueError: the file cannot be read, or holds no mapping.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if Path(path).suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except (SafetensorError, pickle.UnpicklingError, EOFError, RuntimeError) as error:
        reason = ValueError(first_sentence(error))
        raise unreadable(path, "cannot be read as weights, and no code in it is run", reason) from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds a {type(content).__name__}, expected tensors by key")
    return content


def first_sentence(error: Exception) -> str:
    """The first sentence of a library's error, without the advice that follows."""
    return " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
