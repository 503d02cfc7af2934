"""The samples of a shard's customized models: images of every prompt of every prompt set.

Writes one `{model}.{prompt_set}.parquet` per model and prompt set, and the shard's manifest when all are good. Files that
are there already, made the same way, are kept; a model that fails is named at the end and keeps no other from being made.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from workflow_scripts import artifacts, cli, plugins, shards
from workflow_scripts.customization import TOKEN
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("sample")
SPEED = ("batch",)  # keys of sampling that decide how fast, but not what


@dataclass(frozen=True)
class Sample:
    """One image to make."""

    model: str
    prompt_set: str
    prompt: str
    prompt_index: int
    index: int
    seed: int


@dataclass(frozen=True)
class Set:
    """The samples of one model and prompt set: what is kept in one file."""

    model: str
    prompt_set: str
    samples: Sequence[Sample]
    recipe: Mapping[str, Any]

    @property
    def file(self) -> str:
        return f"{self.model}.{self.prompt_set}.parquet"


def plan_set(model: str, prompt_set: str, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> Set:
    """Lists the samples of a model and prompt set, and the recipe: all that decides what they look like."""
    subject = f"{TOKEN} {settings['class_words'][model]}"
    prompts = [template.replace("{subject}", subject) for template in settings["prompts"][prompt_set]]
    samples = [
        Sample(model, prompt_set, prompt, i, k, derive_seed(settings["seed"], model, prompt, k))
        for i, prompt in enumerate(prompts)
        for k in range(settings["sampling"]["samples_per_prompt"])
    ]
    names = {key: settings[key] for key in ("seed", "base_model", "customization")}
    sampling = {key: value for key, value in settings["sampling"].items() if key not in SPEED}
    recipe = {**names, "model": model, "prompt_set": prompt_set, "prompts": prompts, "sampling": sampling}
    return Set(model, prompt_set, samples, {"settings": recipe, "inputs": inputs})


def check_model(manifest: Path, entry: Mapping[str, str], base_hash: str) -> None:
    """Raises `ValueError` if the file of a customized model is not the manifest's, or is of another base model."""
    file = manifest.parent / entry["file"]
    if not file.is_file() or artifacts.file_hash(file) != entry["sha256"]:
        raise ValueError(f"{file}: is missing, or not the one that {manifest} lists; delete {manifest} and run again")
    if artifacts.read_provenance(file)["inputs"]["base_model"] != base_hash:
        raise ValueError(f"{file}: customized from another base model; delete {manifest} and run again")


def make_images(
    base_model: Path, samples: Sequence[Sample], models: Path, settings: Mapping[str, Any], threads: int
) -> Iterator[np.ndarray | None]:
    """Yields the images of `samples`, uint8 [H, W, 3] or None if not finite, many models per batch.

    Args:
        models: folder of the customized models.
    """
    from workflow_scripts import devices  # PyTorch, needed only if there is something to do
    from workflow_scripts.sampling import denoise, to_images

    plugin = plugins.load("customization", settings["customization"])
    base = plugins.load("base_models", settings["base_model"]["name"]).load(base_model, devices.set_up(threads))
    prompts = {model: list(dict.fromkeys(s.prompt for s in group)) for model, group in groupby(samples, _model)}
    conditions: dict[str, Any] = {}

    def compute(batch: Sequence[Sample]) -> list[np.ndarray | None]:
        with devices.autocast(settings["sampling"]["precision"], base.device):
            present = dict.fromkeys(map(_model, batch))
            for model in conditions.keys() - present.keys():
                del conditions[model]  # samples come model by model: it is done
            for model in present.keys() - conditions.keys():
                weights = artifacts.read_tensors(models / f"{model}.safetensors")
                conditions[model] = plugin.condition(base, weights, ["", *prompts[model]])
            unconditional = [(conditions[s.model], 0) for s in batch]
            conditional = [(conditions[s.model], 1 + prompts[s.model].index(s.prompt)) for s in batch]
            with plugin.conditioned(base, unconditional + conditional) as states:
                latents = denoise(base, states, [s.seed for s in batch], settings["sampling"])
            return to_images(base, latents)

    yield from devices.in_batches(samples, settings["sampling"]["batch"], compute)


def _model(sample: Sample) -> str:
    return sample.model


def write_set(path: Path, planned: Set, images: Sequence[np.ndarray | None], versions: Mapping[str, Any]) -> None:
    """Writes the file of a model and prompt set.

    Raises:
        ValueError: an image is not finite; the message names its prompt.
    """
    for sample, image in zip(planned.samples, images, strict=True):
        if image is None:
            raise ValueError(f"sample {sample.index} of {sample.prompt!r} has pixels that are not finite")
    table = pd.DataFrame(vars(sample) for sample in planned.samples)
    table["image"] = [artifacts.encode_png(image) for image in images]
    artifacts.write_table(path, table, {**versions, **planned.recipe})


def make_shard(base_model: Path, manifest: Path, folder: Path, settings: Mapping[str, Any], threads: int) -> list[dict]:
    """Makes the samples that are not there yet.

    Args:
        manifest: of the shard's customized models.
        folder: of the samples.

    Returns:
        The manifest's entries.

    Raises:
        ValueError: models failed; the message names each and why.
    """
    provenance = artifacts.make_provenance({}, {"base_model": base_model})
    sets, failures = [], {}
    for entry in artifacts.read_json(manifest)["models"]:
        try:
            check_model(manifest, entry, provenance["inputs"]["base_model"])
        except ValueError as error:
            failures[entry["model"]] = str(error)
            continue
        inputs = {**provenance["inputs"], "model": entry["sha256"]}
        sets += [plan_set(entry["model"], prompt_set, inputs, settings) for prompt_set in settings["prompts"]]
    todo = [planned for planned in sets if not shards.is_finished(folder / planned.file, planned.recipe)]
    log.info("%d files to make, %d there already", len(todo), len(sets) - len(todo))
    samples = [sample for planned in todo for sample in planned.samples]
    if samples:
        images = make_images(base_model, samples, manifest.parent, settings, threads)
        images = tqdm(images, total=len(samples), unit="image", disable=None)
    for planned in todo:
        try:
            write_set(folder / planned.file, planned, [next(images) for _ in planned.samples], provenance)
        except ValueError as error:
            failures[planned.model] = str(error)
    shards.refuse(failures, len(settings["models"]))
    return [
        {
            "model": planned.model,
            "prompt_set": planned.prompt_set,
            "file": planned.file,
            "n": len(planned.samples),
            "settings_hash": shards.recipe_hash(planned.recipe),
        }
        for planned in sets
    ]


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--models", type=Path, required=True, help="manifest of the shard's customized models")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the samples go beside it")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()

    with shards.locked(args.output):
        entries = make_shard(args.base_model, args.models, args.output.parent, args.settings, args.threads)
        shards.write_manifest(args.output, args.settings, entries)


if __name__ == "__main__":
    cli.run(main)
