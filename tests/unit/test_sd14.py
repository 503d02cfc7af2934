"""Stable Diffusion 1.4: the sizes of its own networks, and Custom Diffusion's full recipe on a small likeness of it."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from tests import sd14
from tests.projects import ROOT
from workflow_scripts import plugins
from workflow_scripts.base_models import diffusers_sd
from workflow_scripts.customization import Task, custom_diffusion
from workflow_scripts.customization.bank.stacked import Given, projections, replaced
from workflow_scripts.ground_truth import denoising
from workflow_scripts.study import schema
from workflow_scripts.study.settings.ground_truth import Course

WIDTHS = {  # of the layers with cross-attention, by the blocks they are in: two each going down, three each going up
    "down_blocks.0": 320, "down_blocks.1": 640, "down_blocks.2": 1280, "mid_block": 1280,
    "up_blocks.1": 1280, "up_blocks.2": 640, "up_blocks.3": 320,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sd14.write_pipeline(tmp_path_factory.mktemp("sd14") / "pipeline")


@pytest.fixture(scope="module")
def base(folder):
    return diffusers_sd.load(folder, "cpu")


@pytest.fixture(scope="module")
def recipe() -> dict:
    """The paper's, as the study `abc` has it, but for the number of steps and what this machine can do."""
    section = schema.read_yaml(ROOT / "config/studies/abc.yaml")["customization"]
    return {**section, "steps": 2, "view_pool": 8, "precision": "fp32", "compile": False}


def tasks(count: int) -> list[Task]:
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        exemplar = rng.integers(0, 256, (80, 60, 3), np.uint8)
        prior = rng.normal(size=(4, 4, 8, 8)).astype(np.float32)
        made.append(Task(f"cat_{number:04d}", "<new1> cat", [exemplar], prior, ["a photo of a cat"] * 4, number))
    return made


def test_the_trained_matrices_are_those_of_the_paper():
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(sd14.settings("unet"))
    assert sum(p.numel() for p in unet.parameters()) == 859_520_964
    trained = projections(unet)
    assert len(trained) == 2 * 16
    for path, layer in trained.items():
        width = WIDTHS[".".join(path.split(".")[:2]) if "mid" not in path else "mid_block"]
        assert layer.weight.shape == (width, 768) and layer.bias is None, path
    numbers = sum(layer.weight.numel() for layer in trained.values())
    assert numbers == 19_169_280  # 768 * 2 * (2 * (320 + 640 + 1280) + 1280 + 3 * (1280 + 640 + 320))
    assert round(4 * numbers / 1e6, 1) == 76.7  # MB in fp32


def teraflops(compute) -> float:
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        compute()
    return round(counter.get_total_flops() / 1e12, 3)


def test_the_sums_of_docs_scale_start_from_these_numbers():
    """TFLOP for an image of 512 pixels; training with keys and values from a bank, all else frozen."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(sd14.settings("unet")).requires_grad_(False)
        vae = AutoencoderKL.from_config(sd14.settings("vae")).requires_grad_(False)
        given = {
            path: Given(torch.empty(1, 77, layer.out_features, requires_grad=True))
            for path, layer in projections(unet).items()
        }

    def denoise():
        return unet(torch.empty(1, 4, 64, 64), torch.zeros(1), torch.empty(1, 77, 768)).sample

    def train():
        with replaced(unet, given):
            denoise().sum().backward()

    counted = {
        "forward": teraflops(denoise),
        "forward and backward": teraflops(train),
        "encoder": teraflops(lambda: vae.encode(torch.empty(1, 3, 512, 512))),
        "decoder": teraflops(lambda: vae.decode(torch.empty(1, 4, 64, 64))),
    }
    page = (ROOT / "docs/scale.md").read_text().replace("*", "").replace("\n", " ")
    assert [name for name, number in counted.items() if f"{name} {number}" not in page] == [], counted


def test_the_learning_rate_is_that_of_two_gpus(recipe):
    """1e-5 x 2 images x 2 GPUs x 2 for prior preservation, on 4 views and 4 images of the class in each step."""
    assert recipe["learning_rate"] == pytest.approx(1e-5 * 2 * 2 * 2)
    assert recipe["views"] == recipe["prior_images"] == 2 * 2
    assert recipe["max_grad_norm"] == 1 and recipe["schedule"] == "constant" and recipe["prior_weight"] == 1


def test_the_base_model_is_read_as_its_files_say(base):
    assert (base.image_size, base.latent_shape) == (64, (4, 8, 8))
    assert base.vae.config.scaling_factor == 0.18215  # not in the file: the library's default for such networks
    assert base.scheduler.config.prediction_type == "epsilon"
    assert (base.scheduler.config.beta_start, base.scheduler.config.beta_end) == (0.00085, 0.012)
    assert base.scheduler.config.beta_schedule == "scaled_linear"
    assert base.tokenize(["a photo of a cat"]).shape == (1, 77)


@pytest.mark.parametrize("name", denoising.SCHEDULERS)
def test_samplers_walk_the_steps_that_the_stock_pipeline_would(name, base, folder):
    """The stock pipeline makes its samplers of the PNDM configuration in the folder; ours come by way of DDPM's."""
    stock = PNDMScheduler.from_pretrained(folder / "scheduler")
    ours = denoising.make_scheduler(name, base, 25)
    theirs = type(ours).from_config(stock.config)
    theirs.set_timesteps(25)
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()
    assert ours.timesteps[0] == {"dpmsolver++": 999, "ddim": 961}[name]
    torch.testing.assert_close(ours.alphas_cumprod, theirs.alphas_cumprod, rtol=0, atol=0)


@pytest.mark.parametrize("name", denoising.SCHEDULERS)
def test_images_are_those_of_the_stock_pipeline(name, base, folder):
    stock = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, feature_extractor=None)
    stock.set_progress_bar_config(disable=True)
    kind = type(denoising.make_scheduler(name, base, 5))
    stock.scheduler = kind.from_config(stock.scheduler.config)
    noise = torch.randn(base.latent_shape, generator=torch.Generator().manual_seed(7))[None]
    prompt = "a photo of a cat"
    theirs = stock(prompt, latents=noise, num_inference_steps=5, guidance_scale=6.0, output_type="latent").images
    with torch.no_grad():
        states = base.text_encoder(base.tokenize(["", prompt])).last_hidden_state
    ours = denoising.denoise(base, states, [7], Course(name, steps=5, guidance=6.0))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_papers_recipe_trains_and_samples(base, recipe):
    settings = plugins.settings("customization", "custom_diffusion", recipe)
    made = list(custom_diffusion.fine_tune(base, tasks(2), "object", settings))
    rare = base.tokenizer(recipe["initializer_token"]["object"], add_special_tokens=False).input_ids
    start = base.text_encoder.get_input_embeddings().weight[rare].numpy()
    for one in made:
        assert one.error is None and len(one.losses) == 2
        moved = one.weights["<new1>"] - start
        assert 0 < np.abs(moved).max() < 2.1 * 8e-5  # two steps of AdamW from the rare token on
    conditions = [custom_diffusion.condition(base, one.weights, ["", "photo of a <new1> cat"]) for one in made]
    rows = [(condition, prompt) for prompt in (0, 1) for condition in conditions]
    with custom_diffusion.conditioned(base, rows) as states:
        latents = denoising.denoise(base, states, [1, 2], Course("dpmsolver++", steps=3, guidance=6.0))
    images = denoising.to_images(base, latents)
    assert all(image.shape == (64, 64, 3) and image.dtype == np.uint8 for image in images)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_weights_in_several_files_are_read(variant, base, folder, tmp_path):
    split = tmp_path / "split"
    for part in ("scheduler", "tokenizer", "model_index.json"):
        (split / part).parent.mkdir(exist_ok=True, parents=True)
        (split / part).symlink_to(folder / part)
    for part in ("unet", "vae", "text_encoder"):
        getattr(base, part).save_pretrained(split / part, variant=variant, max_shard_size="5MB")
    assert len(list(split.glob("unet/*.safetensors"))) > 1
    loaded = diffusers_sd.load(split, "cpu")
    for name, tensor in loaded.unet.state_dict().items():
        assert torch.equal(tensor, base.unet.state_dict()[name]), name
