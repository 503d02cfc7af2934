"""Features together with what they are features of: exemplars of cases, samples of shards, distractors.

A file of features says in its provenance which encoder made it and the hash of the file it was made from (`source`);
readers refuse features of another encoder, or of another version of the source, by name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts

NO_EXEMPLAR = -1  # pads rows of `truth`


@dataclass(frozen=True)
class Exemplars:
    """Exemplars of one or more cases.

    Attributes:
        table: a row per exemplar, with the columns case, model, split, class, k, new_artist and id (`{model}/{k}`).
        features: float32 [e, d], in the rows of `table`.
    """

    table: pd.DataFrame
    features: np.ndarray

    def rows(self) -> dict[tuple[str, str], np.ndarray]:
        """The rows of each model's exemplars, by (case, model)."""
        return dict(self.table.groupby(["case", "model"], sort=False).indices)

    def truth(self, queries: pd.DataFrame) -> np.ndarray:
        """The rows of the exemplars that each query's model was tuned on, int64 [q, m], padded with `NO_EXEMPLAR`.

        Raises:
            ValueError: a query's model has no exemplars here.
        """
        rows = self.rows()
        keys = list(zip(queries["case"], queries["model"], strict=True))
        for case, model in dict.fromkeys(keys):
            if (case, model) not in rows:
                raise ValueError(f"{case}: samples of model {model!r}, which has no exemplars in this case")
        truth = np.full((len(keys), max((len(rows[key]) for key in keys), default=0)), NO_EXEMPLAR)
        for query, key in enumerate(keys):
            truth[query, : len(rows[key])] = rows[key]
        return truth


def read_exemplars(parquets: Sequence[Path], feature_files: Sequence[Path], encoder: str) -> Exemplars:
    """Reads the exemplars of the cases that the parquet files are named after.

    Raises:
        ValueError: features are of another encoder, or do not belong to their parquet file.
    """
    tables, features = [], []
    for parquet, file in zip(parquets, feature_files, strict=True):
        table = artifacts.read_table(parquet, ["model", "split", "class", "k", "new_artist"])
        tables.append(
            table.assign(case=parquet.stem, id=[f"{m}/{k}" for m, k in zip(table["model"], table["k"], strict=True)])
        )
        features.append(_read_source_features(file, parquet, encoder, len(table)))
    return Exemplars(pd.concat(tables, ignore_index=True), np.concatenate(features))


def read_samples(
    manifests: Sequence[Path], feature_files: Sequence[Path], encoder: str, prompt_set: str | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Reads the samples of shards, of one prompt set or of all.

    Returns:
        A row per sample, with the columns case, model, prompt_set, prompt_index and index, and its features [q, d].

    Raises:
        ValueError: features are of another encoder, or do not belong to their shard.
    """
    tables, features = [], []
    for manifest, file in zip(manifests, feature_files, strict=True):
        provenance = _checked_provenance(file, manifest, encoder)
        tensors = artifacts.read_tensors(file)
        for name, table, (start, stop) in _sample_tables(manifest, provenance["rows"], prompt_set):
            if stop - start != len(table):
                raise ValueError(f"{file}: {stop - start} features of {name}, but {manifest} has {len(table)} samples")
            tables.append(table)
            features.append(tensors[table["prompt_set"].iloc[0]][start:stop])
    if not tables:
        raise ValueError(f"no samples of prompt set {prompt_set!r} in {', '.join(map(str, manifests))}")
    return pd.concat(tables, ignore_index=True), np.concatenate(features)


def map_distractors(file: Path, encoder: str) -> np.ndarray:
    """A read-only memory map of the distractors' features [n, d]; `ValueError` if they are of another encoder."""
    return artifacts.map_tensor(file, "features", expect={"encoder": encoder})


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """The entries of a manifest, with `case`, and with `file` as a path.

    Raises:
        ValueError: it is no manifest.
    """
    record = artifacts.read_json(manifest)
    if not isinstance(record, dict) or not {"case", "models"} <= record.keys():
        raise ValueError(f"{manifest}: not the manifest of a shard (lacks `case` or `models`); delete it and run again")
    return [{**entry, "case": record["case"], "file": manifest.parent / entry["file"]} for entry in record["models"]]


def _sample_tables(
    manifest: Path, rows: dict[str, dict[str, list[int]]], prompt_set: str | None
) -> Iterator[tuple[str, pd.DataFrame, list[int]]]:
    for entry in read_manifest(manifest):
        if prompt_set in (None, entry["prompt_set"]):
            table = artifacts.read_table(entry["file"], ["model", "prompt_set", "prompt_index", "index"])
            name = f"{entry['model']}.{entry['prompt_set']}"
            yield name, table.assign(case=entry["case"]), rows[entry["prompt_set"]][entry["model"]]


def _read_source_features(file: Path, parquet: Path, encoder: str, count: int) -> np.ndarray:
    _checked_provenance(file, parquet, encoder)
    features = artifacts.read_tensors(file)["features"]
    if len(features) != count:
        raise ValueError(f"{file}: {len(features)} rows of features, but {parquet} has {count} images")
    return features


def _checked_provenance(file: Path, source: Path, encoder: str) -> dict[str, Any]:
    provenance = artifacts.read_provenance(file)
    artifacts.check_provenance(file, provenance, {"encoder": encoder})
    if provenance["inputs"]["source"] != artifacts.file_hash(source):
        raise ValueError(f"{file}: features of another version of {source}; delete the file and run again")
    return provenance
