"""Fine-tuning in a model bank, beside a plain training loop as the diffusers examples have it for Custom Diffusion.

The plain loop (`_plain_loop.py`) is started for each model anew: it loads the pipeline, encodes images and prompts in
every step, and trains diffusers' own attention processor. Both train for the study's steps, on its rows per step, on
one thread; the class images are there for both. Needs the study's exemplars and regularization: run `make demo` first.

Example:
    python -m benchmarks.finetune
"""

import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import _compare, _study, _tables
from workflow_scripts import artifacts, cli, plugins

BANKS = (1, 8, 64)
MODULE = "benchmarks.finetune"


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--study", default="miniature", help="whose base model, exemplars and settings are used")
    parser.add_argument("--bank", type=int, help="only train this many models in one bank, and print what it took")
    args = parser.parse_args()
    if args.bank:
        print(json.dumps(train(args.study, args.bank)))
        return

    with tempfile.TemporaryDirectory() as folder:
        contenders = {f"bank of {m}": partial(run_bank, args.study, m) for m in BANKS}
        models = write_inputs(args.study, Path(folder))
        for name, precision in {"plain loop": "no", "plain loop, bf16": "bf16"}.items():
            contenders[name] = partial(run_plain_loop, models, precision)
        costs = _compare.interleave(contenders)

    comparisons = []
    for ours in contenders:
        for peer, goal in {"bank of 1": None, "plain loop": 10.0, "plain loop, bf16": None}.items():
            if ours.startswith("bank") and ours != peer:
                goal = goal if ours == "bank of 64" else None
                work = f"{ours}, start-up included"
                comparisons += [
                    _compare.compare(costs, ours, peer, "whole", work, "CPU s per model", goal),
                    _compare.compare(costs, ours, peer, "loop", ours, "CPU s per model"),
                ]
    _tables.write("finetune", comparisons, threads=1)


def run_bank(study: str, models: int) -> dict[str, float]:
    """CPU seconds per model of a process that trains one bank."""
    cost = _compare.run_module(MODULE, "--study", study, "--bank", str(models))
    return {"whole": cost["cpu"] / models, "loop": cost["loop"] / models}


def run_plain_loop(models: Iterator[Path], precision: str) -> dict[str, float]:
    """CPU seconds of a process that trains one model as the example does."""
    cost = _compare.run_module("benchmarks._plain_loop", str(next(models)), "--mixed-precision", precision)
    return {"whole": cost["cpu"], "loop": cost["loop"]}


def train(study: str, models: int) -> dict[str, float]:
    """Trains one bank, and returns the CPU seconds without imports and the loading of the base model."""
    from workflow_scripts import devices

    ingredients = _study.ingredients(study, models)
    tasks = [ingredients.task(file) for file in ingredients.settings.files()]
    section = {**ingredients.settings.customization, "models_per_batch": models}
    plugin = plugins.load("customization", section["name"])
    settings = plugins.settings("customization", section["name"], section)
    load = plugins.load("base_models", ingredients.settings.base_model["name"]).load
    base = load(ingredients.base_model, devices.set_up(), settings.precision)
    start = time.process_time()
    made = list(plugin.fine_tune(base, tasks, ingredients.settings.kind, settings))
    assert not any(one.error for one in made)
    return {"loop": time.process_time() - start}


def write_inputs(study: str, folder: Path) -> Iterator[Path]:
    """Yields folders with the exemplar and class images of one model each, and the settings, for the plain loop."""
    import numpy as np
    import torch

    ingredients = _study.ingredients(study, 2 * _compare.REPETITIONS)
    settings = ingredients.settings
    base = plugins.load("base_models", settings.base_model["name"]).load(ingredients.base_model, "cpu")
    for made in settings.files():
        model, task = made.model, ingredients.task(made)
        decoded = base.decode(torch.from_numpy(task.prior_latents)).round().numpy().astype(np.uint8)
        images = {"exemplar": task.exemplars, "class": decoded}
        for kind, pictures in images.items():
            for i, picture in enumerate(pictures):
                file = folder / model / kind / f"{i:04d}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(artifacts.encode_png(picture))
        record = {
            "base_model": str(ingredients.base_model),
            "prompt": task.prompt,
            "captions": list(task.prior_captions),
            "initializer": settings.customization["initializer_token"][settings.kind],
            "customization": settings.customization,
        }
        artifacts.write_json(folder / model / "settings.json", record)
        yield folder / model


if __name__ == "__main__":
    cli.run(main)
