"""Features together with what they are features of: exemplars of cases, samples of shards, distractors.

The provenance of a file of features holds the encoder and the hash of the file that was encoded (`source`). Reading
features of another encoder, or of another version of the source, raises `ValueError`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.evaluation.retrieval import NO_EXEMPLAR
from workflow_scripts.ground_truth.shards import read_manifest

EXEMPLAR = ["model", "split", "class", "k", "new_artist", "source", "sha256", "twins", "seen_twin"]
CHECKED_AT_ONCE = 16_384  # rows, so that checking takes little memory


@dataclass(frozen=True)
class Exemplars:
    """Exemplars of one or more cases."""

    table: pd.DataFrame  # a row per exemplar, with the columns case, EXEMPLAR and id (`{model}/{k}`)
    features: np.ndarray  # float32 [e, d], in the rows of `table`

    def rows(self) -> dict[tuple[str, str], np.ndarray]:
        """The rows of each model's exemplars, by (case, model)."""
        return dict(self.table.groupby(["case", "model"], sort=False).indices)

    def truth(self, queries: pd.DataFrame) -> np.ndarray:
        """The rows of the exemplars of each query's model, int64 [q, m], padded with `NO_EXEMPLAR`.

        Raises:
            ValueError: a model has no exemplars.
        """
        rows, keys = self.rows(), list(zip(queries["case"], queries["model"], strict=True))
        for case, model in dict.fromkeys(keys):
            if (case, model) not in rows:
                raise ValueError(f"{case}: samples of model {model!r}, which has no exemplars in this case")
        truth = np.full((len(keys), max((len(rows[key]) for key in keys), default=0)), NO_EXEMPLAR)
        for query, key in enumerate(keys):
            truth[query, : len(rows[key])] = rows[key]
        return truth


@dataclass(frozen=True)
class Images:
    """Exemplars, samples and distractors with the features of one encoder."""

    exemplars: Exemplars
    samples: pd.DataFrame  # a row per sample, with the columns case, model, prompt_set, prompt_index and index
    sample_features: np.ndarray  # float32 [q, d], in the rows of `samples`
    distractor_features: np.ndarray | None  # float32 [n, d], a memory map; None if nobody needs them


def read_images(
    exemplars: tuple[Sequence[Path], Sequence[Path]],
    samples: tuple[Sequence[Path], Sequence[Path]],
    distractors: Path | None,
    encoder: str,
) -> Images:
    """Reads features and what they are features of.

    Args:
        exemplars: parquet files of cases, and the features of each.
        samples: manifests of shards, and the features of each.
        distractors: their features.

    Raises:
        ValueError: features are of another encoder, do not belong to their file, differ in width, or are not finite.
    """
    own = read_exemplars(*exemplars, encoder)
    table, features = read_samples(*samples, encoder)
    mapped = None if distractors is None else map_distractors(distractors, encoder)
    by_file = {exemplars[1][0]: own.features, samples[1][0]: features, distractors: mapped}
    _check_widths({file: rows for file, rows in by_file.items() if rows is not None})
    return Images(own, table, features, mapped)


def read_exemplars(parquets: Sequence[Path], feature_files: Sequence[Path], encoder: str) -> Exemplars:
    """Reads the exemplars of the cases that the parquet files are named after; raises as `read_images` does."""
    tables, features = [], []
    for parquet, file in zip(parquets, feature_files, strict=True):
        table = artifacts.read_table(parquet, EXEMPLAR)
        tables.append(table.assign(case=parquet.stem, id=table["model"] + "/" + table["k"].astype(str)))
        features.append(_read_exemplar_features(file, parquet, encoder, len(table)))
    _check_widths(dict(zip(feature_files, features, strict=True)))
    return Exemplars(pd.concat(tables, ignore_index=True), np.concatenate(features))


def read_samples(
    manifests: Sequence[Path], feature_files: Sequence[Path], encoder: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Reads the samples of shards as in `Images`, of all prompt sets; raises as `read_images` does."""
    tables, features, widths = [], [], {}
    for manifest, file in zip(manifests, feature_files, strict=True):
        provenance = _checked_provenance(file, manifest, encoder)
        tensors = artifacts.read_tensors(file)
        for tensor, rows in tensors.items():
            _check_finite(file, tensor, rows)
            widths[file] = rows
        for entry in read_manifest(manifest):
            model, prompt_set = entry["model"], entry["prompt_set"]
            table = artifacts.read_table(entry["file"], ["model", "prompt_set", "prompt_index", "index"])
            start, stop = provenance["rows"][prompt_set][model]
            if stop - start != len(table):
                raise ValueError(
                    f"{file}: {stop - start} features of {model}.{prompt_set}, but {manifest} has {len(table)} samples"
                )
            tables.append(table.assign(case=entry["case"]))
            features.append(tensors[prompt_set][start:stop])
    if not tables:
        raise ValueError(f"no samples in {', '.join(map(str, manifests))}")
    _check_widths(widths)
    return pd.concat(tables, ignore_index=True), np.concatenate(features)


def map_distractors(file: Path, encoder: str) -> np.ndarray:
    """A read-only memory map of features [n, d], checked in one pass; raises as `read_images` does."""
    features = artifacts.map_tensor(file, "features", expect={"encoder": encoder})
    _check_finite(file, "features", features)
    return features


def _check_widths(features: Mapping[Path, np.ndarray]) -> None:
    """Raises `ValueError` unless the features [n, d] of all files have the same d."""
    (first, expected), *others = ((file, rows.shape[1]) for file, rows in features.items())
    for file, width in others:
        if width != expected:
            raise ValueError(f"{file}: features of width {width}, but {first} has {expected}; delete both, run again")


@dataclass(frozen=True)
class ShardFeatures:
    """Features of a shard's samples, as they are written."""

    tensors: dict[str, np.ndarray]  # float32 [n, d] by prompt set
    rows: dict[str, dict[str, list[int]]]  # by prompt set and model: [start, stop]

    @classmethod
    def gather(cls, entries: Iterable[Mapping[str, Any]], features: Iterable[np.ndarray]) -> Self:
        """Joins the features [n, d] of each entry of a manifest, in its order."""
        parts: dict[str, list[np.ndarray]] = defaultdict(list)
        rows: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for entry, part in zip(entries, features, strict=True):
            start = sum(map(len, parts[entry["prompt_set"]]))
            parts[entry["prompt_set"]].append(part)
            rows[entry["prompt_set"]][entry["model"]] = [start, start + len(part)]
        return cls({prompt_set: np.concatenate(own) for prompt_set, own in parts.items()}, dict(rows))


def _read_exemplar_features(file: Path, parquet: Path, encoder: str, count: int) -> np.ndarray:
    _checked_provenance(file, parquet, encoder)
    tensors = artifacts.read_tensors(file)
    if "features" not in tensors:
        raise ValueError(f"{file}: has no array 'features'; it has {', '.join(tensors) or 'none'}")
    features = tensors["features"]
    _check_finite(file, "features", features)
    if len(features) != count:
        raise ValueError(f"{file}: {len(features)} rows of features, but {parquet} has {count} images")
    return features


def _checked_provenance(file: Path, source: Path, encoder: str) -> dict[str, Any]:
    provenance = artifacts.read_provenance(file)
    artifacts.check_provenance(file, provenance, {"encoder": encoder})
    if provenance.get("inputs", {}).get("source") != artifacts.file_hash(source):
        raise ValueError(f"{file}: features of another version of {source}; delete the file and run again")
    return provenance


def _check_finite(file: Path, tensor: str, features: np.ndarray) -> None:
    """Raises `ValueError` naming a row that holds NaN or infinity, which cannot be ranked."""
    for start in range(0, len(features), CHECKED_AT_ONCE):
        bad = ~np.isfinite(features[start : start + CHECKED_AT_ONCE]).all(axis=1)
        if bad.any():
            row = start + np.argmax(bad)
            raise ValueError(f"{file}: row {row} of {tensor} holds NaN or infinity; delete the file and run again")
