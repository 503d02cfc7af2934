"""The recipe of each artefact of a study, as of today: the settings and the inputs that its provenance should name."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from workflow_scripts import artifacts
from workflow_scripts.cli import canonical_json
from workflow_scripts.ground_truth.models import latents_hash
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.operations.jobs import Job

SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Input:
    """What a provenance should say about an input."""

    source: Path  # file or folder
    value: Any  # its hash, or hashes or texts taken from it; None if the source is missing or damaged


@dataclass(frozen=True)
class Recipe:
    """What decides what an artefact holds."""

    settings: Mapping[str, Any]
    inputs: Mapping[str, Input] | None  # None if they are not known

    def departure(self, provenance: Mapping[str, Any]) -> str | None:
        """How an artefact differs from this recipe, in words; None if it was made by it."""
        changed = _difference(provenance.get("settings", {}), json.loads(canonical_json(self.settings)))
        if changed:
            key, made, now = changed
            return f"made with {key} {_show(made)}, the study says {_show(now)}"
        if self.inputs is None:
            return None
        made_from = provenance.get("inputs", {})
        for name, current in self.inputs.items():
            if name not in made_from:
                return f"made without {current.source}"
            if current.value is not None and made_from[name] != current.value:
                return f"made from another {current.source}"
        unknown = sorted(made_from.keys() - self.inputs.keys())
        return f"made from {unknown[0]}, too, which is no input of it" if unknown else None


class Recipes:
    """The recipes of jobs.

    Args:
        hash_of: SHA-256 of a file or folder, as hex; None if it is missing or corrupt.

    Attributes:
        unreadable: why inputs could not be read whose bytes are as they were written, by other people's programs.
    """

    def __init__(self, hash_of: Callable[[Path], str | None]) -> None:
        self.hash_of = hash_of
        self.unreadable: dict[Path, str] = {}
        self._read = cache(self._read_whole)

    def of_output(self, job: Job) -> Recipe | None:
        """Of the first file that a job makes, which holds the provenance of all of them; None for manifests."""
        if job.is_shard:
            return None
        sources = job.made_with.made_from(**{**job.inputs, **job.params})
        inputs = {name: self._input(source) for name, source in sources.items()}
        return Recipe(job.made_with.recorded(**job.wildcards), inputs)

    def of_parts(self, job: Job) -> Iterator[tuple[Path, Recipe | None]]:
        """Of the files beside a manifest, whether they are there or not; None for those of a release.

        A release may be gone once it is imported; the manifest's hashes still tell whether its samples are whole.
        """
        inputs_of = {"finetune": self._inputs_of_model, "sample": self._inputs_of_samples}.get(job.rule)
        for path, file in zip(job.parts, job.made_with.files(), strict=True):
            inputs = inputs_of(job, file.model) if inputs_of else None
            yield Path(path), None if file.settings is None else Recipe(file.settings, inputs)

    def _input(self, source: Path) -> Input:
        return Input(source, self.hash_of(source))

    def _inputs_of_model(self, job: Job, model: str) -> dict[str, Input]:
        (exemplars,), blocks = map(Path, job.inputs["exemplars"]), list(map(Path, job.inputs["regularization"]))
        word = job.made_with.class_words[model]
        held = [(block, *self._read(_regularization, block).get(word, (None, None))) for block in blocks]
        block, latents, captions = next((of_block for of_block in held if of_block[1]), held[0])
        return {
            "base_model": self._input(Path(job.params["base_model"])),
            "exemplars": Input(exemplars, self._read(_exemplars, exemplars).get(model)),
            "regularization": Input(block, latents),
            "captions": Input(block, captions),
        }

    def _inputs_of_samples(self, job: Job, model: str) -> dict[str, Input]:
        (manifest,) = map(Path, job.inputs["models"])
        base_model = self._input(Path(job.params["base_model"]))
        return {"base_model": base_model, "model": Input(manifest, self._read(_listed, manifest).get(model))}

    def _read_whole(self, read: Callable[[Path], dict], file: Path) -> dict:
        """What a function reads from a file; nothing if the file is not whole."""
        try:
            return read(file) if self.hash_of(file) else {}
        except (ValueError, OSError) as error:
            self.unreadable[file] = str(error)
            return {}


def _exemplars(file: Path) -> dict[str, list[str]]:
    """SHA-256 of the exemplars of each model."""
    artifacts.check_small(file, {"model": str, "k": int, "sha256": str})
    table = artifacts.read_table(file, ["model", "k", "sha256"]).sort_values("k")
    return {model: list(rows) for model, rows in table.groupby("model")["sha256"]}


def _regularization(file: Path) -> dict[str, tuple[str, list[str]]]:
    """Hash of the latents, and captions, of each class word."""
    captions = msgspec.convert(artifacts.read_provenance(file).get("captions"), dict[str, list[str]])
    latents = {name.removesuffix(".latents"): latents_hash(each) for name, each in artifacts.read_tensors(file).items()}
    return {word: (latents[word], texts) for word, texts in captions.items() if word in latents}


def _listed(manifest: Path) -> dict[str, str]:
    """SHA-256 of the file of each model."""
    return {entry["model"]: entry["sha256"] for entry in read_manifest(manifest)}


def _difference(made: Any, now: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first key, dotted, whose values differ, and both values."""
    if made == now:
        return None
    if not isinstance(made, Mapping) or not isinstance(now, Mapping):
        return key, made, now
    name = next(name for name in sorted(made.keys() | now.keys()) if made.get(name, ...) != now.get(name, ...))
    return _difference(made.get(name, ...), now.get(name, ...), f"{key}.{name}".lstrip("."))


def _show(value: Any) -> str:
    text = "nothing" if value is ... else canonical_json(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
