"""The samples of a shard's customized models: which images there are to be, which are missing, and making those."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from workflow_scripts import artifacts, plugins
from workflow_scripts.customization import TOKEN, check_prompts
from workflow_scripts.ground_truth import shards
from workflow_scripts.seeds import derive_seed

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

log = logging.getLogger(__name__)
SPEED = ("batch", "compile")  # keys of the section `sampling` that decide how fast, but not what
WAITING = 64  # files whose images may wait to be written


@dataclass(frozen=True)
class Sample:
    """One image to be. The fields are the columns of its file."""

    model: str
    prompt_set: str
    prompt: str
    prompt_index: int
    index: int
    seed: int


@dataclass(frozen=True)
class SampleFile:
    """The samples of one model and prompt set."""

    samples: Sequence[Sample]
    recipe: Mapping[str, Any]  # provenance: all that decides what they look like

    @property
    def entry(self) -> dict[str, Any]:
        """The file's entry in the manifest."""
        model, prompt_set = self.samples[0].model, self.samples[0].prompt_set
        file = f"{model}.{prompt_set}.parquet"
        settings_hash = shards.recipe_hash(self.recipe)
        names = {"model": model, "prompt_set": prompt_set, "file": file}
        return {**names, "n": len(self.samples), "settings_hash": settings_hash}


def make_samples(base_model: Path, models: Path, folder: Path, settings: Mapping[str, Any], threads: int) -> list[dict]:
    """Makes those of the shard's samples that are not in `folder` yet, made the same way.

    Args:
        models: manifest of the shard's customized models.
        settings: of the rule `sample`.

    Returns:
        The manifest's entries.

    Raises:
        ValueError: models failed; the message names each and why. The others are kept.
    """
    files, failures = _plan(base_model, models, settings)
    missing = [file for file in files if not shards.is_finished(folder / file.entry["file"], file.recipe)]
    log.info("%d files to make, %d there already", len(missing), len(files) - len(missing))
    if missing:
        from workflow_scripts import devices  # PyTorch: not before there is something to do

        load = plugins.load("base_models", settings["base_model"]["name"]).load
        base = load(base_model, devices.set_up(threads), settings["sampling"]["precision"])
        if settings["sampling"].get("compile"):
            base.unet.compile()  # once: batches differ in what stands for W_k and W_v, but not in its shape
        missing, refused = _refuse_long(base, missing, settings["kind"])
        failures |= refused
        drawable = [file for file in files if file.entry["model"] not in failures]
        failures |= _write_all(missing, _draw_missing(base, models.parent, drawable, missing, settings), folder)
    shards.refuse(failures, len(settings["models"]))
    return [file.entry for file in files]


def _draw_missing(
    base: "BaseModel",
    models: Path,
    files: Sequence[SampleFile],
    missing: Sequence[SampleFile],
    settings: Mapping[str, Any],
) -> Iterator[np.ndarray | None]:
    """The images of the missing files, in order, from the batches that they share with finished ones."""
    wanted = {sample for file in missing for sample in file.samples}
    planned = [sample for file in files for sample in file.samples]
    drawn = shards.whole_batches(planned, settings["sampling"]["batch"], wanted.__contains__)
    images = draw(base, models, drawn, settings)
    return (image for sample, image in zip(drawn, images, strict=True) if sample in wanted)


def _plan(base_model: Path, models: Path, settings: Mapping[str, Any]) -> tuple[list[SampleFile], dict[str, str]]:
    """The files to be, model by model, and the models that cannot be sampled, with the reason."""
    plugins.load("base_models", settings["base_model"]["name"]).check(base_model)
    provenance = artifacts.make_provenance({}, {"base_model": base_model})
    files, failures = [], {}
    for entry in shards.read_manifest(models):
        try:
            _check_model(models, entry, provenance["inputs"]["base_model"])
        except ValueError as error:
            failures[entry["model"]] = str(error)
            continue
        made_from = {**provenance, "inputs": {**provenance["inputs"], "model": entry["sha256"]}}
        files += [_plan_file(entry["model"], prompt_set, made_from, settings) for prompt_set in settings["prompts"]]
    return files, failures


def _check_model(manifest: Path, entry: Mapping[str, Any], base_hash: str) -> None:
    """Raises `ValueError` if the file of a customized model is not the manifest's, or is of another base model."""
    file = entry["file"]
    if not file.is_file() or artifacts.file_hash(file) != entry["sha256"]:
        raise ValueError(f"{file}: is missing, or not the one that {manifest} lists; delete {manifest} and run again")
    if artifacts.read_provenance(file)["inputs"]["base_model"] != base_hash:
        raise ValueError(f"{file}: customized from another base model; delete {manifest} and run again")


def _plan_file(model: str, prompt_set: str, made_from: Mapping[str, Any], settings: Mapping[str, Any]) -> SampleFile:
    decisive = settings_of(settings, model, prompt_set)
    per_prompt = settings["sampling"]["samples_per_prompt"]
    samples = plan_samples(model, prompt_set, decisive["prompts"], per_prompt, settings["seed"])
    return SampleFile(samples, {**made_from, "settings": decisive})


def settings_of(settings: Mapping[str, Any], model: str, prompt_set: str) -> dict[str, Any]:
    """Those of the settings of the rule `sample` that decide what a file of samples holds."""
    names = {key: settings[key] for key in ("seed", "base_model", "customization")}
    word, templates = settings["class_words"][model], settings["prompts"][prompt_set]
    prompts = fill_in(templates[word] if isinstance(templates, Mapping) else templates, word)
    sampling = shards.without(settings["sampling"], SPEED)
    return {**names, "model": model, "prompt_set": prompt_set, "prompts": prompts, "sampling": sampling}


def _refuse_long(base: "BaseModel", files: Sequence[SampleFile], kind: str) -> tuple[list[SampleFile], dict[str, str]]:
    """The files of models whose prompts the text encoder takes whole, and by model of the others the reason."""
    refused = {}
    for file in files:
        first = file.samples[0]
        try:
            check_prompts(base, file.recipe["settings"]["prompts"], f"prompts.{kind}.{first.prompt_set}")
        except ValueError as error:
            refused[first.model] = str(error)
    return [file for file in files if file.samples[0].model not in refused], refused


def fill_in(templates: Sequence[str], class_word: str) -> list[str]:
    """The prompts of a model: `{subject}` becomes `<new1> cat`."""
    return [template.replace("{subject}", f"{TOKEN} {class_word}") for template in templates]


def plan_samples(model: str, prompt_set: str, prompts: Sequence[str], per_prompt: int, seed: int) -> list[Sample]:
    """A model's samples, prompt by prompt."""
    return [
        Sample(model, prompt_set, prompt, i, k, derive_seed(seed, model, prompt, k))
        for i, prompt in enumerate(prompts)
        for k in range(per_prompt)
    ]


def draw(
    base: "BaseModel", models: Path, samples: Sequence[Sample], settings: Mapping[str, Any]
) -> Iterator[np.ndarray | None]:
    """Yields the image of each sample, uint8 [H, W, 3], or None for one that is not finite. Batches cross models.

    Args:
        models: folder of the customized models.
        samples: model by model.
        settings: the keys `customization` and `sampling` of the rule `sample`.
    """
    from workflow_scripts import devices
    from workflow_scripts.ground_truth.denoising import denoise, to_images

    plugin = plugins.load("customization", settings["customization"])
    model_of, sampling = attrgetter("model"), settings["sampling"]
    prompts = {model: list(dict.fromkeys(s.prompt for s in group)) for model, group in groupby(samples, model_of)}
    conditions: dict[str, Any] = {}  # of the models of the batch; row 0 is unconditional, the prompts follow

    def compute(batch: Sequence[Sample]) -> list[np.ndarray | None]:
        present = set(map(model_of, batch))
        for model in conditions.keys() - present:
            del conditions[model]
        with devices.autocast(sampling["precision"], base.device):
            for model in present - conditions.keys():
                weights = artifacts.read_tensors(models / f"{model}.safetensors")
                conditions[model] = plugin.condition(base, weights, ["", *prompts[model]])
            rows = [(conditions[s.model], 0) for s in batch]
            rows += [(conditions[s.model], 1 + prompts[s.model].index(s.prompt)) for s in batch]
            with plugin.conditioned(base, rows) as states:
                return to_images(base, denoise(base, states, [s.seed for s in batch], sampling))

    images = devices.in_batches(samples, sampling["batch"], compute)
    yield from tqdm(images, total=len(samples), unit="image", disable=None)


def _write_all(files: Sequence[SampleFile], images: Iterator[np.ndarray | None], folder: Path) -> dict[str, str]:
    """Writes files as their images arrive, in a second thread: the device goes on denoising meanwhile.

    Returns:
        By model that could not be written, the reason.
    """
    failures, writes = {}, deque[tuple[str, Future]]()

    def settle() -> None:
        model, written = writes.popleft()
        try:
            written.result()
        except ValueError as error:
            failures[model] = str(error)

    with ThreadPoolExecutor(max_workers=1) as writer:
        for file in files:
            made = list(islice(images, len(file.samples)))
            written = writer.submit(_write, folder / file.entry["file"], file, made)
            writes.append((file.samples[0].model, written))
            while writes and (writes[0][1].done() or len(writes) > WAITING):
                settle()
        while writes:
            settle()
    return failures


def _write(path: Path, file: SampleFile, images: Sequence[np.ndarray | None]) -> None:
    """Raises `ValueError` naming the prompt if an image is not finite."""
    for sample, image in zip(file.samples, images, strict=True):
        if image is None:
            raise ValueError(f"sample {sample.index} of {sample.prompt!r} has pixels that are not finite")
    table = pd.DataFrame(map(asdict, file.samples))
    table["image"] = [artifacts.encode_png(image) for image in images]
    artifacts.write_table(path, table, file.recipe, sidecar=False)  # the manifest lists its hash
