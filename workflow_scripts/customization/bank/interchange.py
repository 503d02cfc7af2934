"""Customized models in the files of others: of diffusers, and of the authors of AbC.

A folder holds two files, of safetensors or of `torch.save` (`.bin`, `.pt`): `pytorch_custom_diffusion_weights` has the
full W_k and W_v of every cross-attention layer; `<new1>` has the embedding of V*. diffusers' training script names the
weights as parts of attention processors (`...attn2.processor.to_k_custom_diffusion.weight`); the authors of AbC load
them into the UNet, by its own names (`...attn2.to_k.weight`). No value is rounded. No tensor may be missing, and there
may be no other.
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
FORMATS = ("safetensors", "bin", "pt")  # diffusers' layout in the first two, the authors' in the last
METADATA = {"format": "pt"}  # diffusers wants it in safetensors
DTYPES = (torch.float32, torch.float16)


def write_folder(base: "BaseModel", weights: Mapping[str, np.ndarray], folder: Path, file_format: str) -> None:
    """Writes a customized model (see `effective_weights`) for others, in one of `FORMATS`.

    Raises:
        ValueError: the weights belong to another base model, or the folder holds other files.
    """
    of_authors = file_format == "pt"
    token = "bin" if of_authors else file_format  # which they, too, load with diffusers
    files = {WEIGHTS: folder / f"{WEIGHTS}.{file_format}", TOKEN: folder / f"{TOKEN}.{token}"}
    for other in sorted(set(folder.glob("*")) - set(files.values())):
        raise ValueError(f"{other}: exists already; give --output an empty folder, or one that does not exist yet")
    tensors = {}
    for path, weight in effective_weights(base, weights).items():
        stored = weights.get(f"{path}.weight")  # in its own precision
        key = f"{path}.weight" if of_authors else _key(path)
        tensors[key] = weight.T.contiguous().cpu() if stored is None else torch.from_numpy(stored)
    if not of_authors:  # diffusers wants an entry for every attention layer; an empty one means the base model's layer
        tensors |= {name: torch.empty(0) for name in _frozen(base)}
    artifacts.write_weights(files[WEIGHTS], tensors, METADATA)
    artifacts.write_weights(files[TOKEN], {TOKEN: torch.from_numpy(weights[TOKEN])}, METADATA)


def read_folder(base: "BaseModel", folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a model's file, `{path}.weight` [out, in] per projection and `<new1>` [d], from others' folder.

    Raises:
        ValueError: a file is missing, unexpected or cannot be read; or names, shapes or types are not those of this
            base model; or a value is no number. The message names the file and the key.
    """
    files = find_files(folder)
    layers = projections(base.unet)
    entries = artifacts.read_weights(files[WEIGHTS])
    of_authors = any(f"{path}.weight" in entries for path in layers)
    keys = {path: f"{path}.weight" if of_authors else _key(path) for path in layers}
    shapes = {keys[path]: layer.weight.shape for path, layer in layers.items()}
    # The entries of frozen layers are empty in diffusers' layout, and empty mappings in its own files.
    frozen = () if of_authors else _frozen(base)
    changed = {key: each for key, each in entries.items() if key not in frozen or len(each)}
    tensors = _checked(files[WEIGHTS], changed, shapes)
    width = base.text_encoder.get_input_embeddings().weight.shape[1:]
    token = _checked(files[TOKEN], artifacts.read_weights(files[TOKEN]), {TOKEN: width})
    return {f"{path}.weight": tensors[key] for path, key in keys.items()} | token


def find_files(folder: Path) -> dict[str, Path]:
    """The two files of a folder, by what they hold (`WEIGHTS`, `TOKEN`).

    Raises:
        ValueError: one is missing, or there in several formats; or there are other files of weights.
    """
    present = sorted(file for ending in FORMATS for file in folder.glob(f"*.{ending}"))
    files = {file.stem: file for file in present}
    for name in (WEIGHTS, TOKEN):
        if sum(file.stem == name for file in present) != 1:
            has = ", ".join(file.name for file in present) or "no weights"
            raise ValueError(f"{folder}: must hold one file {name}.{{{','.join(FORMATS)}}}; it has {has}")
    for name in sorted(files.keys() - {WEIGHTS, TOKEN}):
        raise ValueError(f"{files[name]}: unexpected; a model has the files {WEIGHTS} and {TOKEN}, and one new word")
    return files


def check_base(model: Path, base_model: Path) -> None:
    """Raises `ValueError` unless a model's file was made from the base model in this folder."""
    recorded = artifacts.read_provenance(model).get("inputs", {}).get("base_model")
    if recorded != (expected := artifacts.input_hash(base_model)):
        raise ValueError(f"{model}: was made from the base model {recorded}, but {base_model} is {expected}")


def _key(path: str) -> str:
    """The name of W_k or W_v in diffusers: a part of the processor of its attention layer."""
    attention, _, layer = path.rpartition(".")
    return f"{attention}.processor.{layer}_custom_diffusion.weight"


def _frozen(base: "BaseModel") -> list[str]:
    """The processors of the layers that Custom Diffusion does not change: those of self-attention."""
    customized = {f"{path.rpartition('.')[0]}.processor" for path in projections(base.unet)}
    return [name for name in base.unet.attn_processors if name not in customized]


def _checked(file: Path, entries: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The entries as arrays, if they are those of `shapes`."""
    for key in entries:
        if key not in shapes:
            raise ValueError(f"{file}: {key} is unexpected; expected only {', '.join(shapes)}")
    for key, shape in shapes.items():
        if key not in entries:
            raise ValueError(f"{file}: {key} is missing; the base model has it")
        value = entries[key]
        if not isinstance(value, torch.Tensor) or value.dtype not in DTYPES:
            kind = getattr(value, "dtype", type(value).__name__)
            raise ValueError(f"{file}: {key} is {kind}, expected {' or '.join(map(str, DTYPES))}")
        if value.shape != shape:
            raise ValueError(f"{file}: {key} is of shape {list(value.shape)}, the base model's of {list(shape)}")
        if odd := int((~torch.isfinite(value)).sum()):
            raise ValueError(f"{file}: {key} has {odd} of {value.numel()} values that are no numbers; expected none")
    return {key: entries[key].detach().numpy() for key in shapes}
