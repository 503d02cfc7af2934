import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from safetensors.torch import load_file, save_file

from workflow_scripts.base_models import diffusers_sd

PARTS = {
    "model_index.json": "model_index.json",
    "tokenizer": "tokenizer/vocab.json",
    "text_encoder/model.safetensors": "text_encoder/model*.safetensors",
    "vae/config.json": "vae/config.json",
    "unet": "unet/config.json",
    "scheduler": "scheduler/scheduler_config.json",
}


@pytest.fixture
def folder(base_folder, tmp_path):
    return shutil.copytree(base_folder, tmp_path / "base")


def test_networks_are_frozen_and_in_fp32(base):
    for network in (base.text_encoder, base.vae, base.unet):
        assert not network.training
        assert all(not p.requires_grad and p.dtype == torch.float32 for p in network.parameters())


def test_latents_and_images_have_the_declared_shapes(base):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    latents = base.encode(images)
    assert (base.image_size, base.latent_shape) == (16, (6, 4, 4))
    assert latents.shape == (3, 6, 4, 4)
    torch.testing.assert_close(latents[1:2], base.encode(images[1:2]))  # no draw from the posterior
    decoded = base.decode(latents)
    assert decoded.shape == (3, 16, 16, 3)
    assert 0 <= decoded.min() <= decoded.max() <= 255
    assert base.decode(torch.full_like(latents[:1], torch.nan)).isnan().any()


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named(part, folder):
    path = folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ValueError) as error:
        diffusers_sd.load(folder, "cpu")
    message = str(error.value)
    assert message.startswith(
        f"{folder}: not a base model, lacks {PARTS[part]}; a StableDiffusionPipeline folder holds"
    )
    assert "\n" not in message


def test_a_missing_folder_is_found_without_pytorch(tmp_path):
    code = (
        "import sys, pathlib; from workflow_scripts.base_models import diffusers_sd\n"
        f"try: diffusers_sd.check(pathlib.Path({str(tmp_path / 'none')!r}))\n"
        "except ValueError as error: print(error, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lacks model_index.json" in run.stdout
    assert run.stdout.rstrip().endswith("False")


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("model_index.json", "_class_name", "FluxPipeline"),
        ("scheduler/scheduler_config.json", "prediction_type", "flow"),
    ],
)
def test_another_kind_of_model_is_refused(file, key, value, folder):
    settings = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**settings, key: value}))
    with pytest.raises(ValueError, match=f"{file}: {key} is '{value}', expected"):
        diffusers_sd.load(folder, "cpu")


def test_absent_weights_are_not_made_up(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_in.weight"]
    save_file(weights, file)
    with pytest.raises(ValueError, match=r"unet: the weights lack 'conv_in\.weight'"):
        diffusers_sd.load(folder, "cpu")


def test_fp16_files_are_read_as_fp32(folder, base):
    for part, stem in (
        ("text_encoder", "model"),
        ("vae", "diffusion_pytorch_model"),
        ("unet", "diffusion_pytorch_model"),
    ):
        file = folder / part / f"{stem}.safetensors"
        weights = {name: tensor.half() for name, tensor in load_file(file).items()}
        save_file(weights, file.with_name(f"{stem}.fp16.safetensors"), metadata={"format": "pt"})
        file.unlink()
    loaded = diffusers_sd.load(folder, "cpu").unet.conv_in.weight
    assert loaded.dtype == torch.float32
    torch.testing.assert_close(loaded, base.unet.conv_in.weight, rtol=1e-3, atol=1e-4)


def test_on_a_gpu_attention_is_fused_and_channels_come_last(base_folder, base):
    """The choices for CUDA, made of networks on the CPU, where they compute the same."""
    text_encoder, vae, unet = (
        diffusers_sd._load_part(type(part), base_folder / name, "cpu", torch.float32)
        for name, part in (("text_encoder", base.text_encoder), ("vae", base.vae), ("unet", base.unet))
    )
    diffusers_sd._suit("cuda", text_encoder, vae, unet)
    for network in (vae, unet):
        assert {type(processor) for processor in network.attn_processors.values()} == {AttnProcessor2_0}
        kernels = [p for p in network.parameters() if p.dim() == 4]
        assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert text_encoder.config._attn_implementation == "sdpa"
    x, states = torch.randn(2, 6, 4, 4), torch.randn(2, 12, 16)
    torch.testing.assert_close(unet(x, 10, states).sample, base.unet(x, 10, states).sample, rtol=1e-3, atol=1e-4)
