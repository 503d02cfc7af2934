"""The released samples of a shard's models, in the files that rule `sample` would write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.ground_truth.samples import Sample
from workflow_scripts.ground_truth.shards import Failure, Part, checklist_of
from workflow_scripts.release.entries import Entry, ReleasedSample, json_of
from workflow_scripts.release.images import complete, encoded, missing, missing_exemplars, refusal
from workflow_scripts.release.prompts import read_prompts
from workflow_scripts.study.settings.ground_truth import File
from workflow_scripts.study.settings.release import ImportSamplesSettings
from workflow_scripts.study.study import PROMPT_SETS

UNKNOWN_SEED = 0  # the release does not say which noise a sample was made from


def parts(
    release: Path, settings: ImportSamplesSettings, entries: Mapping[str, Entry], absent: Sequence[str]
) -> Iterator[Part]:
    """The files to write, model by model; those without any sample are left out.

    Args:
        release: the folder that holds `dataset/`.
        entries: of the models of the settings.
        absent: samples, as `missing_samples` lists them.

    Raises:
        ValueError: images are missing, unless that is allowed, or the release has another number of samples.
    """
    for (model, entry), (prompt_set, prompts) in product(entries.items(), settings.prompts.items()):
        count = len(entry.samples[prompt_set])
        if count != prompts * settings.samples_per_prompt:
            place = f"{json_of(release, settings.case)}: {entry.class_id} (model {model})"
            raise ValueError(
                f"{place}: {count} samples of {prompt_set}, but the study has {prompts} prompts and "
                f"release.samples_per_prompt {settings.samples_per_prompt}"
            )
    entries = complete(release, entries, missing_exemplars(release, entries), settings.allow_missing)
    if absent and not settings.allow_missing:
        raise ValueError(refusal(release, absent, "samples"))
    texts, gone = read_prompts(release), set(absent)
    for model, prompt_set in product(entries, PROMPT_SETS):
        samples = [sample for sample in entries[model].samples[prompt_set] if sample.path not in gone]
        if samples:
            yield _part(release, model, prompt_set, samples, texts)


def missing_samples(release: Path, entries: Mapping[str, Entry]) -> list[str]:
    """The samples of these models that are not there, sorted."""
    samples = (sample for entry in entries.values() for name in PROMPT_SETS for sample in entry.samples[name])
    return missing(release, (sample.path for sample in samples))


def _part(
    release: Path, model: str, prompt_set: str, samples: Sequence[ReleasedSample], prompts: Mapping[str, str]
) -> Part:
    """A file of samples; the known prompts and the bytes of the images decide what it holds."""
    rows = {}
    for sample in samples:
        prompt = prompts.get(sample.path, f"{prompt_set} prompt {sample.prompt_index}")
        rows[sample.path] = Sample(model, prompt_set, prompt, sample.prompt_index, sample.index, UNKNOWN_SEED)
    settings = {"model": model, "prompt_set": prompt_set, "prompts": [row.prompt for row in rows.values()]}
    file = File(f"{model}.{prompt_set}.parquet", model, settings, {"prompt_set": prompt_set, "n": len(samples)})
    return Part(file, artifacts.make_provenance(settings, {path: release / path for path in rows}), rows)


def write(release: Path, manifest: Path, parts: Sequence[Part], missing: Sequence[Part]) -> Iterator[Failure]:
    """Writes missing files, with the columns of rule `sample`; yields the models that have an unreadable image."""
    for part in missing:
        try:
            images = [encoded(release, path) for path in part.source]
        except ValueError as error:
            yield Failure(part.file.model, str(error))
        else:
            table = pd.DataFrame(map(asdict, part.source.values())).assign(image=images)
            artifacts.write_table(manifest.with_name(part.file.name), table, part.recipe, checklist_of(manifest))
