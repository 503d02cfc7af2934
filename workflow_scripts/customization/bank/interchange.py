"""Customized models in the files of diffusers, as its training script writes them and its pipelines read them.

A folder holds two files, of safetensors or of `torch.save` (`.bin`): `pytorch_custom_diffusion_weights` has W_k and W_v
of every cross-attention layer, whole, named as parts of attention processors; `<new1>` has the embedding of V*.
Nothing is rounded on the way, nothing may be missing, and nothing may be left over.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workflow_scripts import artifacts
from workflow_scripts.customization import TOKEN
from workflow_scripts.customization.bank.stacked import effective_weights, projections

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

WEIGHTS = "pytorch_custom_diffusion_weights"  # as diffusers names it
FORMATS = ("safetensors", "bin")
METADATA = {"format": "pt"}  # which diffusers wants of safetensors
DTYPES = (torch.float32, torch.float16)


def write_folder(base: "BaseModel", weights: Mapping[str, np.ndarray], folder: Path, file_format: str) -> None:
    """Writes a customized model for diffusers.

    Args:
        weights: the tensors of the model's file, see `effective_weights`.
        file_format: one of `FORMATS`.

    Raises:
        ValueError: the weights are of another base model, or the folder holds other files.
    """
    files = {name: folder / f"{name}.{file_format}" for name in (WEIGHTS, TOKEN)}
    for other in sorted(set(folder.glob("*")) - set(files.values())):
        raise ValueError(f"{other}: is there already; give --output an empty folder, or one that does not exist yet")
    tensors = {}
    for path, weight in effective_weights(base, weights).items():
        given = weights.get(f"{path}.weight")  # in its own precision
        tensors[_key(path)] = weight.T.contiguous().cpu() if given is None else torch.from_numpy(given)
    # diffusers wants an entry of every attention layer, and takes an empty one for a layer that is the base model's.
    tensors |= {name: torch.empty(0) for name in _frozen(base)}
    artifacts.write_weights(files[WEIGHTS], tensors, METADATA)
    artifacts.write_weights(files[TOKEN], {TOKEN: torch.from_numpy(weights[TOKEN])}, METADATA)


def read_folder(base: "BaseModel", folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a model's file, `{path}.weight` [out, in] per projection and `<new1>` [d], from diffusers' folder.

    Raises:
        ValueError: a file is missing, is left over or cannot be read; or names, shapes or types are not this base
            model's. The message names the file and the key.
    """
    files = find_files(folder)
    layers = projections(base.unet)
    shapes = {_key(path): layer.weight.shape for path, layer in layers.items()}
    entries = artifacts.read_weights(files[WEIGHTS])
    tensors = _checked(files[WEIGHTS], {k: v for k, v in entries.items() if not _is_empty(base, k, v)}, shapes)
    width = base.text_encoder.get_input_embeddings().weight.shape[1:]
    token = _checked(files[TOKEN], artifacts.read_weights(files[TOKEN]), {TOKEN: width})
    return {f"{path}.weight": tensors[_key(path)] for path in layers} | token


def find_files(folder: Path) -> dict[str, Path]:
    """The two files of a folder, by what they hold (`WEIGHTS`, `TOKEN`).

    Raises:
        ValueError: one is missing or there twice, or there are weights beside them.
    """
    present = sorted(file for ending in FORMATS for file in folder.glob(f"*.{ending}"))
    there = ", ".join(file.name for file in present) or "no weights"
    files = {}
    for name in (WEIGHTS, TOKEN):
        matches = [file for file in present if file.stem == name]
        if len(matches) != 1:
            wanted = " or ".join(f"{name}.{ending}" for ending in FORMATS)
            raise ValueError(f"{folder}: must hold one file {wanted}; it has {there}")
        files[name] = matches[0]
    for file in present:
        if file not in files.values():
            raise ValueError(
                f"{file}: is left over; a model has the files {WEIGHTS} and {TOKEN}, and no other new word"
            )
    return files


def check_base(model: Path, base_model: Path) -> None:
    """Raises `ValueError` unless a model's file was made from the base model in this folder."""
    recorded = artifacts.read_provenance(model).get("inputs", {}).get("base_model")
    if recorded != (expected := artifacts.input_hash(base_model)):
        raise ValueError(f"{model}: was made from the base model {recorded}, but {base_model} is {expected}")


def _key(path: str) -> str:
    """The name in diffusers of W_k or W_v: a part of the processor of its attention layer."""
    attention, _, layer = path.rpartition(".")
    return f"{attention}.processor.{layer}_custom_diffusion.weight"


def _frozen(base: "BaseModel") -> list[str]:
    """The processors of the layers that Custom Diffusion leaves alone: those of self-attention."""
    customized = {f"{path.rpartition('.')[0]}.processor" for path in projections(base.unet)}
    return [name for name in base.unet.attn_processors if name not in customized]


def _is_empty(base: "BaseModel", key: str, value: Any) -> bool:
    """Whether an entry only says that a layer is the base model's; diffusers itself writes an empty mapping."""
    return key in _frozen(base) and len(value) == 0


def _checked(file: Path, entries: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The entries as arrays, if they are those of `shapes`."""
    for key in entries:
        if key not in shapes:
            raise ValueError(f"{file}: {key} is left over; expected only {', '.join(shapes)}")
    for key, shape in shapes.items():
        if key not in entries:
            raise ValueError(f"{file}: {key} is missing; the base model has it")
        value = entries[key]
        if not isinstance(value, torch.Tensor) or value.dtype not in DTYPES:
            kind = getattr(value, "dtype", type(value).__name__)
            raise ValueError(f"{file}: {key} is {kind}, expected {' or '.join(map(str, DTYPES))}")
        if value.shape != shape:
            raise ValueError(f"{file}: {key} is of shape {list(value.shape)}, the base model's of {list(shape)}")
    return {key: entries[key].detach().numpy() for key in shapes}
