"""The released samples of a shard's models, as rule `sample` would have left its own."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.release.entries import ROOT, Entry, Sample, json_of, read_models
from workflow_scripts.release.images import complete, encoded, missing
from workflow_scripts.release.prompts import read_path_to_prompts
from workflow_scripts.study.study import PROMPT_SETS

log = logging.getLogger(__name__)
PROMPTS = "path_to_prompts.json"  # beside the images, in some of the downloads
UNKNOWN_SEED = 0  # the release does not tell which noise a sample was made from


@dataclass(frozen=True)
class SampleFile:
    """The samples of one model and prompt set that are there."""

    model: str
    prompt_set: str
    folder: Path
    samples: Sequence[Sample]
    prompts: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.model}.{self.prompt_set}.parquet"

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What decides what the file holds: the prompts, and the bytes of the images."""
        settings = {"model": self.model, "prompt_set": self.prompt_set, "prompts": self.texts}
        return artifacts.make_provenance(settings, {s.path: self.folder / s.path for s in self.samples})

    @property
    def texts(self) -> list[str]:
        """What each sample was asked to show, as far as it is known."""
        return [self.prompts.get(s.path, f"{self.prompt_set} prompt {s.prompt_index}") for s in self.samples]

    @property
    def entry(self) -> dict[str, Any]:
        """The file's entry in the manifest."""
        names = {"model": self.model, "prompt_set": self.prompt_set, "file": self.name}
        return {**names, "n": len(self.samples), "settings_hash": shards.recipe_hash(self.recipe)}

    def write(self, path: Path) -> None:
        """Writes the file of the columns that rule `sample` gives it."""
        table = pd.DataFrame(
            {
                "model": self.model,
                "prompt_set": self.prompt_set,
                "prompt": self.texts,
                "prompt_index": [sample.prompt_index for sample in self.samples],
                "index": [sample.index for sample in self.samples],
                "seed": UNKNOWN_SEED,
                "image": [encoded(self.folder, sample.path) for sample in self.samples],
            }
        )
        artifacts.write_table(path, table, self.recipe, sidecar=False)  # the manifest lists its hash


def import_samples(release: Path, output: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Writes those of the shard's samples that are not in `output` yet, made of the same images.

    Args:
        release: the folder that holds `dataset/`.
        settings: of the rule `import_samples`.

    Returns:
        The manifest's entries.

    Raises:
        ValueError: images are missing (unless that is allowed) or unreadable, or the release is not as expected.
    """
    files = plan(release, settings)
    failures, made = {}, 0
    for file in files:
        path = output / file.name
        if shards.is_finished(path, file.recipe):
            continue
        try:
            file.write(path)
            made += 1
        except ValueError as error:
            failures[file.model] = str(error)
    log.info("%d files made, %d there already", made, len(files) - made - len(failures))
    shards.refuse(failures, len(settings["models"]))
    return [file.entry for file in files]


def plan(release: Path, settings: Mapping[str, Any]) -> list[SampleFile]:
    """The files to be, model by model; those without any sample are left out."""
    entries = read_models(release, settings["case"], settings["models"])
    for model, entry in entries.items():
        _check_counts(entry, settings, f"{json_of(release, settings['case'])}: {entry.class_id} (model {model})")
    entries = complete(release, entries, settings["allow_missing"])
    listed = [sample.path for entry in entries.values() for name in PROMPT_SETS for sample in entry.samples[name]]
    lacking = {path for path in listed if not (release / path).is_file()}
    if lacking and not settings["allow_missing"]:
        raise ValueError(missing(release, sorted(lacking), "samples"))
    prompts, files = read_prompts(release), []
    for model, entry in entries.items():
        for prompt_set in PROMPT_SETS:
            there = [sample for sample in entry.samples[prompt_set] if sample.path not in lacking]
            files.append(SampleFile(model, prompt_set, release, there, prompts))
    return [file for file in files if file.samples]


def _check_counts(entry: Entry, settings: Mapping[str, Any], place: str) -> None:
    """Raises `ValueError` unless an entry lists the samples that the study counts."""
    for prompt_set, prompts in settings["prompts"].items():
        expected, given = prompts * settings["samples_per_prompt"], len(entry.samples[prompt_set])
        if given != expected:
            raise ValueError(
                f"{place}: {given} samples of {prompt_set}, but the study says {prompts} prompts and "
                f"release.samples_per_prompt {settings['samples_per_prompt']}"
            )


def read_prompts(release: Path) -> Mapping[str, str]:
    """The prompt of each sample by its path, if the release's folder has the authors' list of them."""
    file = release / ROOT / PROMPTS
    return read_path_to_prompts(file) if file.is_file() else {}
