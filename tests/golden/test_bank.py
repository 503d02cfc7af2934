"""The miniature's own networks: a bank's models are those trained alone, its samples those of the stock pipeline."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.golden.base_model import BASE_MODEL, ROOT
from tests.unit.test_sample import as_pipeline
from workflow_scripts import artifacts, plugins
from workflow_scripts.base_models import diffusers_sd
from workflow_scripts.customization import Task, custom_diffusion
from workflow_scripts.ground_truth.denoising import SCHEDULERS, denoise, make_scheduler, to_images
from workflow_scripts.study import schema
from workflow_scripts.study.settings.ground_truth import Course

TOLERANCE = 2e-3  # of the norm of what was learned; fp32 sums in another order, through Adam, make 4e-4


@pytest.fixture(scope="module")
def base():
    return diffusers_sd.load(BASE_MODEL, "cpu")


@pytest.fixture(scope="module")
def recipe() -> custom_diffusion.Settings:
    """The miniature's own, in fp32, but for the number of steps."""
    section = schema.read_yaml(ROOT / "config/studies/miniature.yaml")["customization"]
    return plugins.settings("customization", section["name"], {**section, "precision": "fp32", "steps": 3})


def tasks(count: int) -> list[Task]:
    """Real drawings, one each; what a task holds does not depend on their number."""
    drawings = artifacts.read_table(ROOT / "data/corpus/drawings.parquet", ["image"])["image"]
    made = []
    for number in range(count):
        picture = Image.fromarray(artifacts.decode_image(drawings[37 * number], "drawing")).resize((64, 64))
        latents = np.random.default_rng(number).normal(size=(2, 16, 8, 8)).astype(np.float32)
        captions = ["a picture of a cat", "a picture of a cat on a red background"]
        made.append(Task(f"cat_{number:04d}", "<new1> cat", [np.asarray(picture)], latents, captions, number))
    return made


@pytest.fixture(scope="module")
def bank_of_64(base, recipe) -> list:
    return list(custom_diffusion.fine_tune(base, tasks(64), "object", replace(recipe, models_per_batch=64)))


@pytest.mark.parametrize("size", [1, 7])
def test_a_model_is_the_same_in_a_bank_of_1_7_and_64(size, base, recipe, bank_of_64):
    for model in custom_diffusion.fine_tune(base, tasks(7)[-size:], "object", replace(recipe, models_per_batch=size)):
        twin = next(one for one in bank_of_64 if one.model == model.model)
        np.testing.assert_allclose(model.losses, twin.losses, rtol=1e-4)
        start = base.text_encoder.get_input_embeddings().weight[base.tokenizer.convert_tokens_to_ids("<instance>")]
        for name, weights in model.weights.items():
            learned = weights - start.numpy() if name == "<new1>" else weights
            assert np.linalg.norm(weights - twin.weights[name]) <= TOLERANCE * np.linalg.norm(learned), name


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_samples_are_those_of_the_stock_pipeline(scheduler, base, bank_of_64):
    """To one level of 255, apart from a few pixels that rounding moved further through eight steps of guidance."""
    weights, prompts = bank_of_64[0].weights, ["a picture of a <new1> cat", "a <new1> cat on a green background"]
    condition = custom_diffusion.condition(base, weights, ["", *prompts])
    other = custom_diffusion.condition(base, bank_of_64[1].weights, ["", *prompts])
    rows = [(condition, 0), (other, 0), (condition, 0), (condition, 1), (other, 1), (condition, 2)]
    course = Course(scheduler, steps=8, guidance=3.0)
    with custom_diffusion.conditioned(base, rows) as states:
        ours = to_images(base, denoise(base, states, [7, 8, 9], course))

    pipeline = as_pipeline(BASE_MODEL, weights, make_scheduler(scheduler, base, 8))
    generators = [torch.Generator().manual_seed(seed) for seed in (7, 9)]
    theirs = pipeline(prompts, guidance_scale=3.0, num_inference_steps=8, generator=generators).images
    for mine, stock in zip((ours[0], ours[2]), theirs, strict=True):
        difference = np.abs(mine.astype(int) - np.asarray(stock))
        assert difference.max() <= 3 and (difference > 1).mean() < 1e-3
