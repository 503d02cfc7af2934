"""The customized models of a shard: each one taught its exemplar, or the few exemplars of its style.

Writes one `{model}.safetensors` per model, and the shard's manifest when all are good. Models that are there already,
made the same way, are kept; a model that fails is named at the end and keeps no other from being made.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from workflow_scripts import artifacts, cli, plugins, shards
from workflow_scripts.customization import Customized, Task
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("finetune")
SPEED = ("models_per_batch",)  # keys of customization that decide how fast, but not what


class Inputs:
    """What the models of a shard are made from.

    Args:
        regularization: the blocks that hold the shard's class words.
    """

    def __init__(
        self, base_model: Path, exemplars: Path, regularization: Sequence[Path], settings: Mapping[str, Any]
    ) -> None:
        self.settings, self.exemplars, self.regularization = settings, exemplars, regularization
        self.provenance = artifacts.make_provenance({}, {"base_model": base_model})
        table = artifacts.read_table(exemplars, columns=["model", "k", "image"])
        self.images = {model: list(rows["image"]) for model, rows in table.sort_values("k").groupby("model")}
        self.latents, self.captions = {}, {}
        for block in regularization:
            self.latents |= artifacts.read_tensors(block)
            self.captions |= artifacts.read_provenance(block)["captions"]

    def recipe(self, model: str) -> dict[str, Any]:
        """All that decides what a model becomes, and nothing else: neither its shard, nor how many are trained at once.

        Raises:
            ValueError: an input lacks what the model needs.
        """
        word = self.settings["class_words"][model]
        if model not in self.images:
            raise ValueError(f"{self.exemplars}: holds no exemplar of model {model!r}")
        if word not in self.captions:
            files = ", ".join(map(str, self.regularization))
            raise ValueError(f"{files}: no class word {word!r}; it has {', '.join(self.captions)}")
        customization = {key: value for key, value in self.settings["customization"].items() if key not in SPEED}
        names = {key: self.settings[key] for key in ("seed", "case", "kind", "base_model")}
        prompt = self.settings["prompt"].replace("{class_word}", word)
        digest = hashlib.sha256(self.latents[f"{word}.latents"].tobytes())
        digest.update(artifacts.canonical_json(self.captions[word]).encode())
        return {
            **self.provenance,
            "settings": {**names, "model": model, "prompt": prompt, "customization": customization},
            "inputs": {
                **self.provenance["inputs"],
                "exemplars": [hashlib.sha256(image).hexdigest() for image in self.images[model]],
                "regularization": digest.hexdigest(),
            },
        }

    def task(self, model: str, recipe: Mapping[str, Any]) -> Task:
        """Raises `ValueError` naming file and model if an exemplar is not a readable image."""
        word, settings = self.settings["class_words"][model], recipe["settings"]
        return Task(
            model=model,
            prompt=settings["prompt"],
            exemplars=[
                artifacts.decode_image(image, f"{self.exemplars}: exemplar {model}/{k}")
                for k, image in enumerate(self.images[model])
            ],
            prior_latents=self.latents[f"{word}.latents"],
            prior_captions=self.captions[word],
            seed=derive_seed(settings["seed"], settings["case"], model),
        )


def make_shard(base_model: Path, inputs: Inputs, folder: Path, threads: int) -> list[dict[str, Any]]:
    """Makes the models that are not there yet.

    Returns:
        The manifest's entries.

    Raises:
        ValueError: models failed; the message names each and why.
    """
    models, recipes, tasks, failures = inputs.settings["models"], {}, [], {}
    for model in models:
        try:
            recipes[model] = inputs.recipe(model)
            if not shards.is_finished(folder / f"{model}.safetensors", recipes[model]):
                tasks.append(inputs.task(model, recipes[model]))
        except ValueError as error:
            failures[model] = str(error)
    log.info("%d models to make, %d there already", len(tasks), len(models) - len(tasks) - len(failures))
    for made in _fine_tune(base_model, tasks, inputs.settings, threads) if tasks else ():
        if made.error:
            failures[made.model] = made.error
            continue
        loss = {"first": _mean(made.losses[: _tenth(made)]), "last": _mean(made.losses[-_tenth(made) :])}
        provenance = {**recipes[made.model], "loss": loss, "losses": [round(value, 5) for value in made.losses]}
        artifacts.write_tensors(folder / f"{made.model}.safetensors", made.weights, provenance)
        log.info("%s: loss %.4f -> %.4f", made.model, loss["first"], loss["last"])
    shards.refuse(failures, len(models))
    return [
        {"model": model, "file": f"{model}.safetensors", "settings_hash": shards.recipe_hash(recipes[model])}
        for model in models
    ]


def _fine_tune(
    base_model: Path, tasks: Sequence[Task], settings: Mapping[str, Any], threads: int
) -> Iterator[Customized]:
    from workflow_scripts import devices  # PyTorch, needed only if there is something to do

    plugin = plugins.load("customization", settings["customization"]["name"])
    base = plugins.load("base_models", settings["base_model"]["name"]).load(base_model, devices.set_up(threads))
    made = plugin.fine_tune(base, tasks, settings["kind"], settings["customization"])
    return tqdm(made, total=len(tasks), unit="model", disable=None)


def _tenth(made: Customized) -> int:
    return max(1, len(made.losses) // 10)


def _mean(losses: Sequence[float]) -> float:
    return float(np.mean(losses))


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--exemplars", type=Path, required=True, help="parquet file of the case's exemplars")
    parser.add_argument("--regularization", type=Path, nargs="+", required=True, help="files with the class words")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the models go beside it")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()

    with shards.locked(args.output):
        inputs = Inputs(args.base_model, args.exemplars, args.regularization, args.settings)
        entries = make_shard(args.base_model, inputs, args.output.parent, args.threads)
        shards.write_manifest(args.output, args.settings, entries)


if __name__ == "__main__":
    cli.run(main)
