"""Files that the authors saved with PyTorch: mappers, calibrators and features. No code in them is ever run."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts import artifacts
from workflow_scripts.evaluation.calibration import Calibration

log = logging.getLogger(__name__)
SIDES = {"exemplar": "real_mapper", "sample": "synth_mapper"}
CHECKED_AT_ONCE = 1 << 24  # numbers, so that checking takes little memory
BIAS_GAIN = 0.001  # factor of the calibrator's stored bias


def load(file: Path, keys: set[str]) -> Mapping[str, Any]:
    """The entries `keys` of a file of `torch.save`, as memory maps; others are logged, and passed over.

    Raises:
        ValueError: the file lacks one of the entries.
    """
    if not file.is_file():
        raise ValueError(f"{file}: no such file; it belongs to the released test set, see docs/release.md")
    content = artifacts.read_weights(file, mmap=True)
    given = ", ".join(map(str, content)) or "none"
    if not keys <= set(content):
        raise ValueError(f"{file}: expected the entries {', '.join(sorted(keys))}, it has {given}")
    if others := [str(key) for key in content if key not in keys]:
        log.warning("%s: %s is not used, only %s", file, ", ".join(others), ", ".join(sorted(keys)))
    return {key: content[key] for key in keys}


def read_mapper(file: Path) -> dict[str, np.ndarray]:
    """The two linear maps as the tensors of a head: `exemplar.weight` float32 [d, d], `exemplar.bias` [d] and so on.

    Raises:
        ValueError: the file does not hold two square maps of one width.
    """
    content, tensors = load(file, set(SIDES.values())), {}
    for side, name in SIDES.items():
        if not isinstance(content[name], Mapping) or set(content[name]) != {"weight", "bias"}:
            raise ValueError(f"{file}: {name}: expected weight and bias of a linear map; other maps are not read")
        tensors |= {f"{side}.{key}": floats(value, f"{file}: {name}.{key}") for key, value in content[name].items()}
    width = len(tensors["exemplar.bias"])
    for name, tensor in tensors.items():
        expected = (width, width) if name.endswith("weight") else (width,)
        if tensor.shape != expected:
            raise ValueError(f"{file}: {name} has shape {list(tensor.shape)}, expected {list(expected)}")
    return tensors


def read_calibrator(file: Path) -> Calibration:
    """The fitted tau and lambda. Stored are 1 / tau, and a bias that is added where the paper subtracts lambda.

    A positive bias is a negative lambda, which gives every candidate some influence; the authors' code accepts it.

    Raises:
        ValueError: tau or lambda is out of range.
    """
    content = load(file, {"inv_tau", "bias"})
    inverse, bias = (float(floats(content[key], f"{file}: {key}").reshape(())) for key in ("inv_tau", "bias"))
    if inverse <= 0:
        raise ValueError(f"{file}: inv_tau is {inverse:g}, expected more than 0")
    threshold = -BIAS_GAIN * bias
    if threshold >= 1:
        raise ValueError(f"{file}: bias is {bias:g}, expected more than -1000 (lambda is -{BIAS_GAIN:g} times as much)")
    if threshold < 0:
        log.warning("%s: bias is %g, so lambda is %g: every candidate gets some influence", file, bias, threshold)
    return Calibration(1 / inverse, threshold)


def floats(value: Any, place: str) -> np.ndarray:
    """A tensor as float32, not copied if it is float32; raises `ValueError` if it is no tensor, or not finite."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise ValueError(f"{place}: expected a tensor of numbers, it is {type(value).__name__}")
    array = value.detach().contiguous().float().numpy()
    parts = np.array_split(array.reshape(-1), max(1, array.size // CHECKED_AT_ONCE))
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError(f"{place}: holds NaN or infinity")
    return array
