"""Features that the authors' code extracted, as ours: of the LAION images, and of a case's exemplars and samples.

Theirs and ours are float32 and not normalised, so nothing is converted. The path of an image identifies its row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.evaluation.features import ShardFeatures
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.release.checkpoints import floats, load
from workflow_scripts.release.entries import PROMPT_SET, SHOWN, read_models
from workflow_scripts.release.images import encoded, missing

READ_AT_ONCE = 1024  # images
TEST_KEYS = {"exemplar_paths", "exemplar_chunks", "exemplar_tensors", "synth_paths", "synth_ids", "synth_tensors"}


@dataclass(frozen=True)
class Rows:
    """Features of images."""

    paths: Sequence[str]  # n, of the images
    features: np.ndarray  # float32 [n, d], a memory map where the file allows it

    def of(self, paths: Sequence[str], place: str) -> np.ndarray:
        """The features of these images, in this order; raises `ValueError` if some are missing."""
        lacking = [path for path in paths if path not in self._row]
        if lacking:
            counts = f"{len(lacking)} of {len(paths)} images"
            raise ValueError(f"{place}: lacks features of {counts}, such as {lacking[0]!r}")
        return self.features[[self._row[path] for path in paths]]

    @cached_property
    def _row(self) -> dict[str, int]:
        return {path: row for row, path in enumerate(self.paths)}


@dataclass(frozen=True)
class CaseFeatures:
    """Features of a case."""

    exemplars: Rows
    samples: Mapping[str, Rows]  # by prompt set


def read_distractors(file: Path) -> Rows:
    """The features of the LAION images, not read into memory; raises `ValueError` if the file has another layout."""
    content = load(file, {"feats", "paths"})
    rows = _rows(content["paths"], content["feats"], f"{file}: feats")
    if len(set(rows.paths)) != len(rows.paths):
        raise ValueError(f"{file}: paths: an image is in it more than once")
    return rows


def read_test(file: Path) -> CaseFeatures:
    """The features of a case; raises `ValueError` if the file has another layout."""
    content = load(file, TEST_KEYS)
    exemplars = _rows(content["exemplar_paths"], content["exemplar_tensors"], f"{file}: exemplar_tensors")
    paths, tensors = content["synth_paths"], content["synth_tensors"]
    if not isinstance(paths, Mapping) or {PROMPT_SET.get(name) for name in paths} != set(PROMPT_SET.values()):
        raise ValueError(f"{file}: synth_paths: expected gpt, and media or object")
    samples = {PROMPT_SET[name]: _rows(paths[name], tensors[name], f"{file}: synth_tensors.{name}") for name in paths}
    return CaseFeatures(exemplars, samples)


def distractor_parts(file: Path, count: int, release: Path | None = None) -> Iterator[pd.DataFrame]:
    """The images in a file of features, part by part: columns id, class (unknown) and image.

    Args:
        release: the folder from which to read the images; None leaves them out.

    Raises:
        ValueError: they are not `count`, or an image is missing or cannot be read.
    """
    paths = list(read_distractors(file).paths)
    if len(paths) != count:
        raise ValueError(f"{file}: {len(paths)} images, but distractors.count is {count}")
    if release and (absent := missing(release, paths)):
        first = ", ".join(absent[:SHOWN])
        raise ValueError(
            f"{release}: {len(absent)} of {count} distractors are missing: {first} ...; an encoder without released "
            "features needs them all, see docs/release.md"
        )
    for start in range(0, count, READ_AT_ONCE):
        part = pd.DataFrame({"id": paths[start : start + READ_AT_ONCE]})
        yield part.assign(**{"class": None, "image": [release and encoded(release, path) for path in part["id"]]})


def _rows(paths: object, tensor: object, place: str) -> Rows:
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ValueError(f"{place}: expected a list of paths for it")
    features = floats(tensor, place)
    if features.ndim != 2 or len(features) != len(paths):
        raise ValueError(f"{place}: has shape {list(features.shape)}, expected a row for each of {len(paths)} paths")
    return Rows(paths, features)


def of_distractors(file: Path, distractors: Path) -> dict[str, np.ndarray]:
    """Features [n, d] of the rows of a file of distractors; not copied if both have the same order."""
    rows, names = read_distractors(file), artifacts.read_table(distractors, ["id"])["id"].tolist()
    if names != rows.paths:
        return {"features": rows.of(names, f"{file}: feats")}
    return {"features": rows.features}


def of_exemplars(file: Path, exemplars: Path) -> dict[str, np.ndarray]:
    """Features [e, d] of the rows of a file of exemplars."""
    paths = artifacts.read_table(exemplars, ["source"])["source"].tolist()
    return {"features": read_test(file).exemplars.of(paths, f"{file}: exemplar_tensors")}


def of_samples(file: Path, manifest: Path, release: Path) -> ShardFeatures:
    """Features of a shard's samples, as step embed writes them."""
    case, entries = read_test(file), read_manifest(manifest)
    models = list(dict.fromkeys(entry["model"] for entry in entries))
    released = read_models(release, entries[0]["case"], models) if entries else {}

    def features_of(entry: Mapping[str, Any]) -> np.ndarray:
        prompt_set = entry["prompt_set"]
        path_of = {(s.prompt_index, s.index): s.path for s in released[entry["model"]].samples[prompt_set]}
        table = artifacts.read_table(entry["file"], ["prompt_index", "index"])
        paths = [path_of[place] for place in table.itertuples(index=False, name=None)]
        return case.samples[prompt_set].of(paths, f"{file}: synth_tensors")

    return ShardFeatures.gather(entries, map(features_of, entries))
