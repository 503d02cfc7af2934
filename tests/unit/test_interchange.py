"""Customized models to diffusers and back, with diffusers itself at the other end."""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.base_model import BASE_MODEL
from workflow_scripts import artifacts
from workflow_scripts.base_models import diffusers_sd
from workflow_scripts.commands import export_model, import_model
from workflow_scripts.customization import custom_diffusion
from workflow_scripts.customization.bank import interchange
from workflow_scripts.customization.bank.stacked import ModelBank, projections

PROMPTS = ["", "a picture of a <new1> cat"]
OF_DIFFUSERS = ("safetensors", "bin")
WEIGHTS = "pytorch_custom_diffusion_weights"


def run(step, monkeypatch, **flags):
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    monkeypatch.setattr(sys, "argv", ["step", *arguments])
    step.main()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def write_model(base, folder: Path, file: Path) -> Path:
    """A customized model that differs much from its base, as its file."""
    rng = np.random.default_rng(5)
    width = base.unet.config.cross_attention_dim
    names = ModelBank(base, torch.zeros(width), 1).weights(0)
    weights = {name: rng.normal(scale=0.2, size=array.shape).astype(np.float32) for name, array in names.items()}
    artifacts.write_tensors(file, weights, artifacts.make_provenance({}, {"base_model": folder}))
    return file


@pytest.fixture
def model(base, base_folder, tmp_path) -> Path:
    return write_model(base, base_folder, tmp_path / "model.safetensors")


def as_pipeline(base_model: Path, folder: Path, file_format: str):
    """The stock pipeline with an exported folder, loaded as docs/interchange.md says."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base_model, torch_dtype=torch.float32, safety_checker=None)
    pipeline.unet.load_attn_procs(folder, weight_name=f"{WEIGHTS}.{file_format}", _pipeline=pipeline)
    pipeline.load_textual_inversion(folder, weight_name=f"<new1>.{file_format}")
    return pipeline


@pytest.mark.parametrize("file_format", OF_DIFFUSERS)
@pytest.mark.parametrize("own", [False, True])
def test_diffusers_predicts_what_we_do(own, file_format, base_folder, tmp_path, monkeypatch):
    folder = BASE_MODEL if own else base_folder
    base = diffusers_sd.load(folder, "cpu")
    model = write_model(base, folder, tmp_path / "model.safetensors")
    run(export_model, monkeypatch, base_model=folder, model=model, output=tmp_path / "out", format=file_format)

    x, t = torch.randn(2, *base.latent_shape, generator=torch.Generator().manual_seed(0)), torch.tensor(500)
    condition = custom_diffusion.condition(base, artifacts.read_tensors(model), PROMPTS)
    with torch.no_grad():
        with custom_diffusion.conditioned(base, [(condition, 0), (condition, 1)]) as states:
            ours = base.unet(x, t, states).sample
        without = base.unet(x, t, states).sample
        pipeline = as_pipeline(folder, tmp_path / "out", file_format)
        theirs_states = torch.cat([pipeline.encode_prompt(prompt, "cpu", 1, False)[0] for prompt in PROMPTS])
        theirs = pipeline.unet(x, t, theirs_states).sample
    torch.testing.assert_close(theirs_states, states, rtol=0, atol=1e-5)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
    assert (without - ours).abs().max() > 1e-2


@pytest.mark.parametrize("file_format", interchange.FORMATS)
def test_there_and_back_is_the_same_to_the_last_bit(file_format, base, base_folder, model, tmp_path, monkeypatch):
    first, second, imported = tmp_path / "first", tmp_path / "second", tmp_path / "imported.safetensors"
    run(export_model, monkeypatch, base_model=base_folder, model=model, output=first, format=file_format)
    run(import_model, monkeypatch, base_model=base_folder, folder=first, output=imported)
    run(export_model, monkeypatch, base_model=base_folder, model=imported, output=second, format=file_format)
    assert contents(first).keys() == {f"{WEIGHTS}.{file_format}", f"<new1>.{file_format.replace('pt', 'bin')}"}
    assert contents(first) == contents(second)

    ours, back = (custom_diffusion.condition(base, artifacts.read_tensors(f), PROMPTS) for f in (model, imported))
    assert torch.equal(ours.states, back.states)
    assert all(torch.equal(ours.projected[path], back.projected[path]) for path in ours.projected)


def test_all_formats_hold_the_same(base, base_folder, model, tmp_path):
    weights = artifacts.read_tensors(model)
    for file_format in interchange.FORMATS:
        interchange.write_folder(base, weights, tmp_path / file_format, file_format)
    first, *others = (interchange.read_folder(base, tmp_path / file_format) for file_format in interchange.FORMATS)
    for other in others:
        assert first.keys() == other.keys()
        assert all(np.array_equal(first[name], other[name]) for name in first)


def write_authors_folder(base, folder: Path) -> dict[str, torch.Tensor]:
    """A model as the authors of AbC saved it; returns its weights, by the UNet's own names."""
    torch.manual_seed(6)
    weights = {
        name: torch.randn_like(weight)
        for name, weight in base.unet.state_dict().items()
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))
    }
    folder.mkdir()
    torch.save(weights, folder / f"{WEIGHTS}.pt")
    torch.save({"<new1>": torch.randn(base.unet.config.cross_attention_dim)}, folder / "<new1>.bin")
    return weights


def test_a_model_of_the_authors_is_read_and_written_as_their_code_loads_it(base, base_folder, tmp_path, monkeypatch):
    weights, imported = write_authors_folder(base, tmp_path / "theirs"), tmp_path / "imported.safetensors"
    run(import_model, monkeypatch, base_model=base_folder, folder=tmp_path / "theirs", output=imported)
    run(export_model, monkeypatch, base_model=base_folder, model=imported, output=tmp_path / "ours", format="pt")
    back = torch.load(tmp_path / "ours" / f"{WEIGHTS}.pt", weights_only=True)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)
    token = torch.load(tmp_path / "ours/<new1>.bin", weights_only=True)["<new1>"].numpy()
    assert np.array_equal(token, artifacts.read_tensors(imported)["<new1>"])

    unet = copy.deepcopy(base.unet)
    assert not unet.load_state_dict(back, strict=False).unexpected_keys
    x, t = torch.randn(1, *base.latent_shape, generator=torch.Generator().manual_seed(0)), torch.tensor(500)
    condition = custom_diffusion.condition(base, artifacts.read_tensors(imported), PROMPTS[1:])
    with torch.no_grad(), custom_diffusion.conditioned(base, [(condition, 0)]) as states:
        torch.testing.assert_close(unet(x, t, states).sample, base.unet(x, t, states).sample, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop(min(w)), "{key} is missing; the base model has it"),
        (lambda w: w.update({min(w).replace("attn2", "attn1"): w[min(w)]}), "{other} is unexpected; expected only "),
        (lambda w: w.update({min(w): w[min(w)][:, :1]}), "{key} is of shape "),
    ],
)
def test_a_key_of_the_authors_file_that_does_not_match_is_named(change, says, base, tmp_path):
    weights = write_authors_folder(base, tmp_path / "theirs")
    says = says.format(key=min(weights), other=min(weights).replace("attn2", "attn1"))
    change(weights)
    torch.save(weights, tmp_path / "theirs" / f"{WEIGHTS}.pt")
    with pytest.raises(ValueError) as caught:
        interchange.read_folder(base, tmp_path / "theirs")
    assert str(caught.value).startswith(f"{tmp_path}/theirs/{WEIGHTS}.pt: {says}")


def test_half_precision_stays_half_precision(base, model, tmp_path):
    weights = artifacts.read_tensors(model)
    interchange.write_folder(base, weights, tmp_path / "whole", "safetensors")
    half = {k: v.astype(np.float16) for k, v in interchange.read_folder(base, tmp_path / "whole").items()}
    interchange.write_folder(base, half, tmp_path / "half", "bin")
    back = interchange.read_folder(base, tmp_path / "half")
    assert all(back[name].dtype == np.float16 and np.array_equal(back[name], half[name]) for name in half)


@pytest.mark.parametrize("safe", [False, True])
def test_a_folder_that_diffusers_wrote_is_read(safe, base, base_folder, model, tmp_path):
    """It names layers of self-attention as empty mappings in `.bin`, and leaves them out of safetensors."""
    interchange.write_folder(base, artifacts.read_tensors(model), tmp_path / "ours", "bin")
    theirs, name = tmp_path / "theirs", f"<new1>.{'safetensors' if safe else 'bin'}"
    as_pipeline(base_folder, tmp_path / "ours", "bin").unet.save_attn_procs(theirs, safe_serialization=safe)
    token = {"<new1>": torch.from_numpy(artifacts.read_tensors(model)["<new1>"])}
    artifacts.write_weights(theirs / name, token, interchange.METADATA)
    ours, read = (interchange.read_folder(base, tmp_path / folder) for folder in ("ours", "theirs"))
    assert all(np.array_equal(ours[name], read[name]) for name in (*ours, *read))
    assert len(read) == len(projections(base.unet)) + 1
