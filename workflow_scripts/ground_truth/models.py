"""The customized models of a shard: what each is made from, which of them are missing, and making those."""

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
from workflow_scripts.seeds import derive_seed

log = logging.getLogger(__name__)
SPEED = ("models_per_batch", "compile")  # keys of the section `customization` that decide how fast, but not what


def settings_of(settings: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Those of the settings of the rule `finetune` that decide what a model becomes."""
    names = {key: settings[key] for key in ("seed", "case", "kind", "base_model")}
    prompt = settings["prompt"].replace("{class_word}", settings["class_words"][model])
    customization = shards.without(settings["customization"], SPEED)
    return {**names, "model": model, "prompt": prompt, "customization": customization}


def latents_hash(latents: np.ndarray) -> str:
    """SHA-256 of the latents of a class word's images, as hex."""
    return hashlib.sha256(latents.tobytes()).hexdigest()


class Ingredients:
    """The exemplars, regularization images and settings of a shard's models.

    Args:
        exemplars: parquet file of the case's exemplars.
        regularization: files that hold the class words of the shard's models.
        settings: of the rule `finetune`.
    """

    def __init__(
        self, base_model: Path, exemplars: Path, regularization: Sequence[Path], settings: Mapping[str, Any]
    ) -> None:
        self.base_model, self.exemplars, self.regularization = base_model, exemplars, regularization
        self.settings = settings
        plugins.load("base_models", settings["base_model"]["name"]).check(base_model)
        self.provenance = artifacts.make_provenance({}, {"base_model": base_model})
        table = artifacts.read_table(exemplars, ["model", "k", "image"], keep={"model": settings["models"]})
        self.images = {model: list(rows["image"]) for model, rows in table.sort_values("k").groupby("model")}
        self.latents: dict[str, np.ndarray] = {}
        self.captions: dict[str, list[str]] = {}
        for file in regularization:
            self.latents |= artifacts.read_tensors(file)
            self.captions |= artifacts.read_provenance(file)["captions"]

    def recipe(self, model: str) -> dict[str, Any]:
        """The provenance of a model: all that decides what it becomes, but not its shard or the size of the bank.

        Raises:
            ValueError: an input lacks what the model needs.
        """
        word = self.settings["class_words"][model]
        if model not in self.images:
            raise ValueError(f"{self.exemplars}: holds no exemplar of model {model!r}")
        if word not in self.captions:
            files = ", ".join(map(str, self.regularization))
            raise ValueError(f"{files}: no class word {word!r}; there are {', '.join(self.captions)}")
        return {
            **self.provenance,
            "settings": settings_of(self.settings, model),
            "inputs": {
                **self.provenance["inputs"],
                "exemplars": [hashlib.sha256(image).hexdigest() for image in self.images[model]],
                "regularization": latents_hash(self.latents[f"{word}.latents"]),
                "captions": self.captions[word],
            },
        }

    def task(self, model: str) -> Task:
        """What the customization is asked for.

        Raises:
            ValueError: an input lacks what the model needs, or an exemplar is not a readable image.
        """
        word = self.settings["class_words"][model]
        return Task(
            model=model,
            prompt=self.recipe(model)["settings"]["prompt"],
            exemplars=[
                artifacts.decode_image(image, f"{self.exemplars}: exemplar {model}/{k}")
                for k, image in enumerate(self.images[model])
            ],
            prior_latents=self.latents[f"{word}.latents"],
            prior_captions=self.captions[word],
            seed=derive_seed(self.settings["seed"], self.settings["case"], model),
        )


def make_models(ingredients: Ingredients, folder: Path, threads: int) -> list[dict[str, Any]]:
    """Makes those of the shard's models that are not in `folder` yet, made the same way.

    Returns:
        The manifest's entries.

    Raises:
        ValueError: models failed; the message names each and why. The others are kept.
    """
    models = ingredients.settings["models"]
    unfinished, failures = _unfinished(ingredients, folder)
    tasks = _tasks(ingredients, unfinished, failures)
    log.info("%d models to make, %d there already", len(unfinished), len(models) - len(unfinished) - len(failures))
    for made in _customize(ingredients, tasks, threads) if tasks else ():
        if made.model not in unfinished:  # it only kept its neighbours company
            continue
        if made.error:
            failures[made.model] = made.error
        else:
            _write(folder / f"{made.model}.safetensors", made, ingredients.recipe(made.model))
    shards.refuse(failures, len(models))
    return [
        {
            "model": model,
            "file": f"{model}.safetensors",
            "settings_hash": shards.recipe_hash(ingredients.recipe(model)),
        }
        for model in models
    ]


def _unfinished(ingredients: Ingredients, folder: Path) -> tuple[set[str], dict[str, str]]:
    """The models to make, and those whose recipe lacks something, with the reason."""
    unfinished, failures = set(), {}
    for model in ingredients.settings["models"]:
        try:
            if not shards.is_finished(folder / f"{model}.safetensors", ingredients.recipe(model)):
                unfinished.add(model)
        except ValueError as error:
            failures[model] = str(error)
    return unfinished, failures


def _tasks(ingredients: Ingredients, unfinished: set[str], failures: dict[str, str]) -> list[Task]:
    """What to train: whole banks. Adds to `failures` what cannot be trained."""
    models = [model for model in ingredients.settings["models"] if model not in failures]
    size = ingredients.settings["customization"]["models_per_batch"]
    tasks = []
    for model in shards.whole_batches(models, size, unfinished.__contains__):
        try:
            tasks.append(ingredients.task(model))
        except ValueError as error:
            failures[model] = str(error)
    return tasks


def _customize(ingredients: Ingredients, tasks: Sequence[Task], threads: int) -> Iterator[Customized]:
    from workflow_scripts import devices  # PyTorch: not before there is something to do

    settings = ingredients.settings
    plugin = plugins.load("customization", settings["customization"]["name"])
    load = plugins.load("base_models", settings["base_model"]["name"]).load
    base = load(ingredients.base_model, devices.set_up(threads), settings["customization"]["precision"])
    section = plugins.settings("customization", settings["customization"]["name"], settings["customization"])
    made = plugin.fine_tune(base, tasks, settings["kind"], section)
    return tqdm(made, total=len(tasks), unit="model", disable=None)


def _write(path: Path, made: Customized, recipe: Mapping[str, Any]) -> None:
    tenth = max(1, len(made.losses) // 10)  # single steps' losses vary with their timesteps
    loss = {"first": float(np.mean(made.losses[:tenth])), "last": float(np.mean(made.losses[-tenth:]))}
    losses = [round(value, 5) for value in made.losses]
    size = sum(array.nbytes for array in made.weights.values()) / 1e6
    provenance = {**recipe, "loss": loss, "losses": losses, "size_mb": size, **made.lost}
    artifacts.write_tensors(path, made.weights, provenance, sidecar=False)  # the manifest lists its hash
    told = "".join(f", {name.replace('_', ' ')} {value:.3g}" for name, value in made.lost.items())
    log.info("%s: loss %.4f -> %.4f, %.3g MB%s", made.model, loss["first"], loss["last"], size, told)
