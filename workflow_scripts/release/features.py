"""Features that the authors' code extracted, as ours: of the LAION images, and of a case's exemplars and samples.

Both keep features as the encoder gives them, float32 and of any length, so that nothing is converted. What a row is the
feature of is told by its path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.release.checkpoints import floats, load
from workflow_scripts.release.entries import PROMPT_SET

TEST_KEYS = {"exemplar_paths", "exemplar_chunks", "exemplar_tensors", "synth_paths", "synth_ids", "synth_tensors"}


@dataclass(frozen=True)
class Rows:
    """Features float32 [n, d], a memory map where the file allows it, and the path of the image of each."""

    paths: Sequence[str]
    features: np.ndarray

    def of(self, paths: Sequence[str], place: str) -> np.ndarray:
        """The features of these images, in this order.

        Raises:
            ValueError: there are none of some of them.
        """
        lacking = [path for path in paths if path not in self._row]
        if lacking:
            raise ValueError(
                f"{place}: lacks features of {len(lacking)} of {len(paths)} images, such as {lacking[0]!r}"
            )
        return self.features[[self._row[path] for path in paths]]

    @cached_property
    def _row(self) -> dict[str, int]:
        return {path: row for row, path in enumerate(self.paths)}


@dataclass(frozen=True)
class CaseFeatures:
    """Features of a case: of its exemplars, and of its samples by prompt set."""

    exemplars: Rows
    samples: Mapping[str, Rows]


def read_distractors(file: Path) -> Rows:
    """The features of the LAION images, which stay on the disk.

    Raises:
        ValueError: the file has another layout, or an image stands in it twice.
    """
    content = load(file, {"feats", "paths"})
    rows = _rows(content["paths"], content["feats"], f"{file}: feats")
    if len(set(rows.paths)) != len(rows.paths):
        raise ValueError(f"{file}: paths: an image stands in it more than once")
    return rows


def read_test(file: Path) -> CaseFeatures:
    """The features of a case.

    Raises:
        ValueError: the file has another layout.
    """
    content = load(file, TEST_KEYS)
    exemplars = _rows(content["exemplar_paths"], content["exemplar_tensors"], f"{file}: exemplar_tensors")
    paths, tensors = content["synth_paths"], content["synth_tensors"]
    if not isinstance(paths, Mapping) or {PROMPT_SET.get(name) for name in paths} != set(PROMPT_SET.values()):
        raise ValueError(f"{file}: synth_paths: expected gpt, and media or object")
    samples = {PROMPT_SET[name]: _rows(paths[name], tensors[name], f"{file}: synth_tensors.{name}") for name in paths}
    return CaseFeatures(exemplars, samples)


def distractor_table(paths: Sequence[str]) -> pd.DataFrame:
    """A file of distractors: of LAION's images the names are known, but no class, and their pictures are not needed."""
    return pd.DataFrame({"id": list(paths)}).assign(**dict.fromkeys(["class", "image"]))


def _rows(paths: object, tensor: object, place: str) -> Rows:
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ValueError(f"{place}: its paths are no list of names")
    features = floats(tensor, place)
    if features.ndim != 2 or len(features) != len(paths):
        raise ValueError(f"{place}: has shape {list(features.shape)}, expected a row for each of {len(paths)} paths")
    return Rows(paths, features)
