"""The customized models of a shard: what each is made from, and how missing ones are made."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from workflow_scripts import artifacts, plugins
from workflow_scripts.customization import Customized, Task
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.shards import Failure, Part
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.ground_truth import File, FinetuneSettings

log = logging.getLogger(__name__)


def latents_hash(latents: np.ndarray) -> str:
    """SHA-256 of the latents of a class word's images, as hex."""
    return hashlib.sha256(latents.tobytes()).hexdigest()


class Ingredients:
    """What the models of a shard are made from: exemplars of a case, regularization images, and settings."""

    def __init__(
        self, base_model: Path, exemplars: Path, regularization: Sequence[Path], settings: FinetuneSettings
    ) -> None:
        self.base_model, self.exemplars, self.regularization = base_model, exemplars, regularization
        self.settings = settings
        plugins.load("base_models", settings.base_model["name"]).check(base_model)
        self.provenance = artifacts.make_provenance({}, {"base_model": base_model})
        table = artifacts.read_table(exemplars, ["model", "k", "image"], keep={"model": settings.models})
        self.images = {model: list(rows["image"]) for model, rows in table.sort_values("k").groupby("model")}
        self.latents: dict[str, np.ndarray] = {}
        self.captions: dict[str, list[str]] = {}
        for file in regularization:
            self.latents |= artifacts.read_tensors(file)
            self.captions |= artifacts.read_provenance(file)["captions"]

    def parts(self) -> Iterator[Part | Failure]:
        """The models, each with the settings and inputs that decide its weights."""
        for file in self.settings.files():
            try:
                inputs = {**self.provenance["inputs"], **self._inputs(file.model)}
            except ValueError as error:
                yield Failure(file.model, str(error))
            else:
                yield Part(file, {**self.provenance, "settings": file.settings, "inputs": inputs})

    def _inputs(self, model: str) -> dict[str, Any]:
        """The inputs of a model as its provenance states them; raises `ValueError` if one is missing."""
        word = self.settings.class_words[model]
        if model not in self.images:
            raise ValueError(f"{self.exemplars}: holds no exemplar of model {model!r}")
        if word not in self.captions:
            files = ", ".join(map(str, self.regularization))
            raise ValueError(f"{files}: no class word {word!r}; there are {', '.join(self.captions)}")
        return {
            "exemplars": [hashlib.sha256(image).hexdigest() for image in self.images[model]],
            "regularization": latents_hash(self.latents[f"{word}.latents"]),
            "captions": self.captions[word],
        }

    def task(self, file: File) -> Task:
        """What the customization needs for a model; raises `ValueError` if an exemplar is not a readable image."""
        model, word = file.model, self.settings.class_words[file.model]
        place = f"{self.exemplars}: exemplar {model}"
        return Task(
            model=model,
            prompt=file.settings["prompt"],
            exemplars=[artifacts.decode_image(data, f"{place}/{k}") for k, data in enumerate(self.images[model])],
            prior_latents=self.latents[f"{word}.latents"],
            prior_captions=self.captions[word],
            seed=derive_seed(self.settings.seed, self.settings.case, model),
        )


def make_models(
    ingredients: Ingredients, manifest: Path, parts: Sequence[Part], missing: Sequence[Part]
) -> Iterator[Failure]:
    """Makes missing models of a shard, in the banks of an uninterrupted run, and yields those that fail."""
    recipes, tasks = {part.file.model: part.recipe for part in missing}, []
    size = ingredients.settings.customization["models_per_batch"]
    for part in shards.whole_batches(parts, size, lambda part: part.file.model in recipes):
        try:
            tasks.append(ingredients.task(part.file))
        except ValueError as error:
            yield Failure(part.file.model, str(error))
    for made in _customize(ingredients, tasks) if tasks else ():
        if made.model not in recipes:  # its file exists; it was trained again to complete a bank
            continue
        if made.error:
            yield Failure(made.model, made.error)
        else:
            _write(manifest, made, recipes[made.model])


def _customize(ingredients: Ingredients, tasks: Sequence[Task]) -> Iterator[Customized]:
    from workflow_scripts import devices  # PyTorch: only if a model is missing

    settings = ingredients.settings
    name = settings.customization["name"]
    section = plugins.settings("customization", name, settings.customization)
    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(ingredients.base_model, devices.set_up(), section.precision)
    made = plugins.load("customization", name).fine_tune(base, tasks, settings.kind, section)
    return tqdm(made, total=len(tasks), unit="model", disable=None)


def _write(manifest: Path, made: Customized, recipe: Mapping[str, Any]) -> None:
    tenth = max(1, len(made.losses) // 10)  # the loss of a single step varies with its timesteps
    loss = {"first": float(np.mean(made.losses[:tenth])), "last": float(np.mean(made.losses[-tenth:]))}
    losses = [round(value, 5) for value in made.losses]
    size = sum(array.nbytes for array in made.weights.values()) / 1e6
    provenance = {**recipe, "loss": loss, "losses": losses, "size_mb": size, **made.lost}
    path = manifest.with_name(f"{made.model}.safetensors")
    artifacts.write_tensors(path, made.weights, provenance, shards.checklist_of(manifest))
    lost = "".join(f", {name.replace('_', ' ')} {value:.3g}" for name, value in made.lost.items())
    log.info("%s: loss %.4f -> %.4f, %.3g MB%s", made.model, loss["first"], loss["last"], size, lost)
