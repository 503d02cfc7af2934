"""From regularization through finetune to samples, on the tiny base model, by the steps' own command lines."""

import errno
import functools
import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from workflow_scripts import artifacts
from workflow_scripts.base_models import diffusers_sd
from workflow_scripts.customization import custom_diffusion
from workflow_scripts.customization.bank.stacked import ModelBank
from workflow_scripts.ground_truth import samples, shards
from workflow_scripts.ground_truth.denoising import SCHEDULERS, denoise, make_scheduler, to_images
from workflow_scripts.seeds import derive_seed
from workflow_scripts.steps import finetune, regularization, sample
from workflow_scripts.study.settings.ground_truth import Course

MODELS = ("cat_0000", "cat_0001", "dog_0000")
BASE = {"name": "diffusers_sd", "revision": None, "version": 1}
NAMES = {"study": "test", "seed": 0, "case": "pets", "kind": "object", "shard": "train_0000", "base_model": BASE}
SAMPLING = {"scheduler": "dpmsolver++", "steps": 4, "guidance": 3.0, "precision": "fp32", "version": 1}
PROMPTS = {"llm": ["a {subject} on the red", "the {subject}"], "procedural": ["a picture of a {subject}"]}


class Chain:
    """A case of three models in a folder, and the steps that make and sample them."""

    def __init__(self, root, base, customization, monkeypatch):
        self.root, self.base, self.customization, self.monkeypatch = root, base, customization, monkeypatch
        self.regularization = root / "regularization" / "words_0000.safetensors"
        self.exemplars = root / "exemplars" / "pets.parquet"
        self.models = root / "models" / "pets" / "train_0000.json"
        self.samples = root / "samples" / "pets" / "train_0000.json"
        rng = np.random.default_rng(0)
        images = [artifacts.encode_png(rng.integers(0, 256, (16, 16, 3), np.uint8)) for _ in MODELS]
        self.write_exemplars(images)

    def write_exemplars(self, images):
        artifacts.write_table(self.exemplars, pd.DataFrame({"model": MODELS, "k": 0, "image": images}), {})

    def step(self, module, settings, **flags):
        arguments = [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
        arguments += [f"--base-model={self.base}", f"--settings={json.dumps(settings)}"]
        self.monkeypatch.setattr(sys, "argv", ["step", *arguments])
        module.main()

    def regularize(self, **changes):
        section = {**SAMPLING, "images_per_class_word": 3, "batch": 4, **changes}
        words = {"class_words": ["cat", "dog"], "captions": ["a picture of a {class_word}", "a {class_word}"]}
        settings = {"study_seed": 0, "base_model": BASE, **words, **section}
        self.step(regularization, settings, output=self.regularization)

    def finetune(self, **changes):
        settings = {**NAMES, "models": MODELS, "class_words": {model: model[:3] for model in MODELS}}
        settings |= {"prompt": "<new1> {class_word}", "customization": {**self.customization, **changes}}
        self.step(finetune, settings, exemplars=self.exemplars, regularization=self.regularization, output=self.models)

    def sample(self, words=None, **changes):
        class_words = {model: model[:3] for model in MODELS} | (words or {})
        settings = {**NAMES, "models": MODELS, "class_words": class_words}
        sampling = {**SAMPLING, "samples_per_prompt": 2, "batch": 5, **changes}
        settings |= {"prompts": PROMPTS, "sampling": sampling, "customization": "custom_diffusion"}
        self.step(sample, settings, models=self.models, output=self.samples)

    def images(self):
        """All samples, uint8 [n, 16, 16, 3], in the order of the manifest."""
        files = [self.samples.parent / entry["file"] for entry in artifacts.read_json(self.samples)["models"]]
        return np.stack([artifacts.decode_image(data, "") for f in files for data in artifacts.read_table(f)["image"]])


@pytest.fixture
def chain(tmp_path, base_folder, customization, monkeypatch):
    return Chain(tmp_path, base_folder, {**customization, "steps": 3}, monkeypatch)


@pytest.fixture
def made(chain):
    """The chain with its models made."""
    chain.regularize()
    chain.finetune()
    return chain


@pytest.fixture
def weights(base, customization):
    """The tensors of a customized model that differs much from its base."""
    rng = np.random.default_rng(5)
    paths = ModelBank(base, torch.zeros(16), 1).weights(0)
    return {name: rng.normal(size=array.shape).astype(np.float32) for name, array in paths.items()}


def as_pipeline(folder, weights, scheduler):
    """The customized model as a stock pipeline: deltas added to W_k and W_v, V* in the embedding."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.tokenizer.add_tokens("<new1>")
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer), mean_resizing=False)
    with torch.no_grad():
        embedding = pipeline.text_encoder.get_input_embeddings().weight
        embedding[pipeline.tokenizer.convert_tokens_to_ids("<new1>")] = torch.from_numpy(weights["<new1>"])
        for name, delta in weights.items():
            if name != "<new1>":
                pipeline.unet.get_submodule(name.removesuffix(".delta")).weight += torch.from_numpy(delta)
    pipeline.scheduler = scheduler
    return pipeline


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("prediction", ["base_folder", "epsilon_folder"])
def test_samples_are_those_of_the_stock_pipeline(prediction, scheduler, request, weights):
    folder, prompts = request.getfixturevalue(prediction), ["a picture of a <new1> cat", "the <new1> dog", "red art"]
    base, course = diffusers_sd.load(folder, "cpu"), Course(scheduler, steps=4, guidance=3.0)
    condition = custom_diffusion.condition(base, weights, ["", *prompts])
    with custom_diffusion.conditioned(base, [(condition, 0)] * 3 + [(condition, i) for i in (1, 2, 3)]) as states:
        latents = denoise(base, states, [7, 8, 9], course)
        ours = np.stack(to_images(base, latents))

    pipeline = as_pipeline(folder, weights, make_scheduler(scheduler, base, 4))
    seeded = {"generator": [torch.Generator().manual_seed(seed) for seed in (7, 8, 9)]}
    common = {"guidance_scale": 3.0, "num_inference_steps": 4}
    expected = pipeline(prompts, output_type="latent", **common, **seeded).images
    torch.testing.assert_close(latents, expected, rtol=1e-3, atol=1e-3)
    seeded = {"generator": [torch.Generator().manual_seed(seed) for seed in (7, 8, 9)]}
    theirs = np.stack([np.asarray(image) for image in pipeline(prompts, **common, **seeded).images])
    assert np.abs(ours.astype(int) - theirs).max() <= 1  # rounding


def test_an_unknown_scheduler_is_refused(base):
    with pytest.raises(ValueError, match=r"scheduler: 'euler' is unknown; valid: dpmsolver\+\+, ddim"):
        make_scheduler("euler", base, 4)


def test_regularization_holds_latents_and_captions_by_class_word(chain):
    chain.regularize()
    tensors = artifacts.read_tensors(chain.regularization)
    assert {name: array.shape for name, array in tensors.items()} == {
        "cat.latents": (3, 6, 4, 4),
        "dog.latents": (3, 6, 4, 4),
    }
    captions = artifacts.read_provenance(chain.regularization)["captions"]
    assert captions["dog"] == ["a picture of a dog", "a dog", "a picture of a dog"]
    chain.regularize(batch=1)
    for name, array in artifacts.read_tensors(chain.regularization).items():
        np.testing.assert_allclose(array, tensors[name], rtol=1e-3, atol=1e-3)


def test_the_chain_writes_what_its_manifests_list(made):
    manifest = artifacts.read_json(made.models)
    assert {key: manifest[key] for key in ("study", "case", "shard")} == {
        "study": "test",
        "case": "pets",
        "shard": "train_0000",
    }
    assert [entry["model"] for entry in manifest["models"]] == list(MODELS)
    for entry in manifest["models"]:
        assert entry["sha256"] == artifacts.file_hash(made.models.parent / entry["file"])
        provenance = artifacts.read_provenance(made.models.parent / entry["file"])
        assert len(provenance["losses"]) == 3
        assert provenance["loss"].keys() == {"first", "last"}
        assert "models_per_batch" not in provenance["settings"]["customization"]

    made.sample()
    entries = artifacts.read_json(made.samples)["models"]
    assert [(entry["model"], entry["prompt_set"], entry["n"]) for entry in entries] == [
        (model, prompt_set, n) for model in MODELS for prompt_set, n in (("llm", 4), ("procedural", 2))
    ]
    table = artifacts.read_table(made.samples.parent / "dog_0000.llm.parquet")
    assert list(table.columns) == ["model", "prompt_set", "prompt", "prompt_index", "index", "seed", "image"]
    assert list(table["prompt"]) == ["a <new1> dog on the red"] * 2 + ["the <new1> dog"] * 2
    assert list(zip(table["prompt_index"], table["index"], strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert table["seed"][3] == derive_seed(0, "dog_0000", "the <new1> dog", 1)
    assert len({image.tobytes() for image in made.images()}) == 18


def test_compressed_models_say_so_and_give_samples(made, caplog):
    folder = made.models.parent
    whole = artifacts.read_provenance(folder / "cat_0000.safetensors")
    assert "relative_error" not in whole
    caplog.set_level("INFO")
    made.finetune(compression_ratio=0.3)  # made again: the ratio decides what a file holds
    tensors = artifacts.read_tensors(folder / "cat_0000.safetensors")
    assert {name.rpartition("attn2")[2] for name in tensors} == {"<new1>"} | {
        f".{layer}.delta.{factor}" for layer in ("to_k", "to_v") for factor in "uv"
    }
    compressed = artifacts.read_provenance(folder / "cat_0000.safetensors")
    assert compressed["size_mb"] == sum(array.nbytes for array in tensors.values()) / 1e6 < whole["size_mb"]
    rank, error = compressed["rank_mean"], compressed["relative_error"]
    assert 1 <= rank <= 16 and 0 < error < 1
    told = f"MB, rank mean {rank:.3g}, relative error {error:.3g}"
    assert any(told in message for message in caplog.messages)
    made.sample()
    assert len(made.images()) == 18


def test_images_do_not_depend_on_the_batch(made):
    made.sample()
    images = made.images()
    for entry in artifacts.read_json(made.samples)["models"]:
        (made.samples.parent / entry["file"]).unlink()
    made.sample(batch=1)
    assert np.abs(images.astype(int) - made.images()).max() <= 1  # rounding


def test_what_is_finished_is_kept(made):
    made.sample()
    files = [path for path in made.root.rglob("*_0*.*") if path.suffix in (".safetensors", ".parquet")]
    times = {path: path.stat().st_mtime_ns for path in files}
    removed = [made.models.parent / "cat_0001.safetensors", made.samples.parent / "dog_0000.llm.parquet"]
    for path in removed:
        path.unlink()
    made.finetune(models_per_batch=1)
    made.sample(batch=2)
    changed = {path for path in files if path.stat().st_mtime_ns != times[path]}
    # Trained again alone instead of in a bank, cat_0001 differs in its last bits, and so may its samples.
    assert set(removed) <= changed <= {*removed, *made.samples.parent.glob("cat_0001.*")}

    made.finetune(steps=2)
    assert all(path.stat().st_mtime_ns != times[path] for path in made.models.parent.glob("*.safetensors"))


def test_a_killed_job_goes_on_where_it_was(chain, monkeypatch):
    chain.regularize()
    write, written = artifacts.write_tensors, []

    def die_at_the_second(path, *args, **options):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *args, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(artifacts, "write_tensors", die_at_the_second)
        chain.finetune()
    assert not chain.models.exists()
    time = written[0].stat().st_mtime_ns
    tasks, fine_tune = [], custom_diffusion.fine_tune
    monkeypatch.setattr(
        custom_diffusion, "fine_tune", lambda base, todo, *args: tasks.extend(todo) or fine_tune(base, todo, *args)
    )
    chain.finetune()
    assert [task.model for task in tasks] == list(MODELS)  # the bank is the undisturbed run's
    assert written[0].stat().st_mtime_ns == time
    manifest = chain.models.read_text()
    for file in chain.models.parent.iterdir():
        file.unlink()
    chain.finetune()
    assert chain.models.read_text() == manifest


def test_a_full_disk_ends_the_job_and_keeps_what_was_written(made, monkeypatch):
    write, room = samples._write, iter(range(2))

    def until_full(*args):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(samples, "_write", until_full)
        with pytest.raises(OSError, match="No space left on device"):
            made.sample()
    kept = {file.name: file.stat().st_mtime_ns for file in made.samples.parent.glob("*.parquet")}
    assert len(kept) == 2 and not made.samples.exists()
    made.sample()
    assert all((made.samples.parent / name).stat().st_mtime_ns == time for name, time in kept.items())


def test_bad_models_are_named_and_the_others_made(chain):
    chain.regularize()
    images = list(artifacts.read_table(chain.exemplars)["image"])
    chain.write_exemplars([images[0], images[1][:60], images[2]])
    tensors, provenance = artifacts.read_tensors(chain.regularization), artifacts.read_provenance(chain.regularization)
    tensors["dog.latents"][:] = np.nan
    artifacts.write_tensors(chain.regularization, tensors, provenance)
    with pytest.raises(ValueError) as error:
        chain.finetune()
    message = str(error.value)
    assert message.startswith("2 of 3 models failed, the others are kept: ")
    assert f"cat_0001: {chain.exemplars}: exemplar cat_0001/0: not a readable image" in message
    assert "dog_0000: loss nan at step 0" in message
    assert [path.name for path in chain.models.parent.glob("*.safetensors*")] == ["cat_0000.safetensors"]


def test_models_that_changed_or_give_no_image_are_named(made):
    file = made.models.parent / "cat_0001.safetensors"
    tensors, provenance = artifacts.read_tensors(file), artifacts.read_provenance(file)
    tensors["<new1>"][:] = np.nan
    artifacts.write_tensors(file, tensors, provenance)
    with pytest.raises(ValueError, match=r"^1 of 3 models failed, the others are kept: cat_0001: .*is missing, or not"):
        made.sample()
    manifest = artifacts.read_json(made.models)
    manifest["models"][1]["sha256"] = artifacts.file_hash(file)
    artifacts.write_json(made.models, manifest)
    with pytest.raises(ValueError, match=r"cat_0001: sample 0 of '.*' has pixels that are not finite$"):
        made.sample()
    assert not made.samples.exists()
    assert {path.name.split(".")[0] for path in made.samples.parent.glob("*.parquet")} == {"cat_0000", "dog_0000"}


def test_the_advice_about_a_damaged_model_makes_it_again(made):
    """With a flipped bit in the model and one in its manifest, too."""
    before = {path: path.read_bytes() for path in made.models.parent.iterdir()}
    for path in (made.models.parent / "cat_0001.safetensors", made.models):
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
    with pytest.raises(ValueError, match=f"is missing, or not the one in {made.models}; delete {made.models} and run"):
        made.sample()
    made.models.unlink()
    made.finetune()
    assert {path: path.read_bytes() for path in made.models.parent.iterdir()} == before


def test_a_model_with_a_prompt_that_is_too_long_gets_no_images_and_takes_none(made, monkeypatch):
    monkeypatch.setitem(PROMPTS, "procedural", ["a {subject}"])
    made.sample()
    undisturbed = {path: artifacts.Images(path).decode(0, 2) for path in made.samples.parent.glob("*.parquet")}
    for path in (*undisturbed, made.samples):
        path.unlink()
    says = (
        r"^1 of 3 models failed, the others are kept: cat_0001: prompts\.object\.llm: prompt 'a <new1> small .* has 13 "
    )
    with pytest.raises(ValueError, match=says):
        made.sample(words={"cat_0001": "small red cat of the cat"})
    kept = set(made.samples.parent.glob("*.parquet"))
    assert kept == {path for path in undisturbed if not path.name.startswith("cat_0001")}
    for path in kept:  # other batches, so to rounding
        assert (
            np.abs(np.stack(artifacts.Images(path).decode(0, 2)) - np.stack(undisturbed[path]).astype(int)).max() <= 2
        )


def test_a_shard_that_another_worker_makes_is_left_alone(chain):
    chain.regularize()
    with shards.locked(chain.models), pytest.raises(ValueError, match="this shard is being made by process"):
        chain.finetune()


def test_a_base_model_without_a_part_is_named_before_anything_else(chain, tmp_path):
    chain.base = tmp_path / "nothing"
    for step in (chain.regularize, chain.finetune):
        with pytest.raises(ValueError, match=r"nothing: not a base model, lacks model_index\.json"):
            step()


def test_a_compiled_network_draws_the_same_and_is_compiled_once_for_each_size_of_batch(made, monkeypatch):
    """Traced and guarded as by default, but not made machine code of, which takes a minute."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    made.sample(batch=4)
    eager, recipes = made.images(), sorted(file.name for file in made.samples.parent.iterdir())
    made.sample(batch=4, compile=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 0  # speed is no reason to make them again
    for file in made.samples.parent.glob("*.parquet"):
        file.unlink()
    made.sample(batch=4, compile=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2  # 4 batches of 4 images, and one of 2
    assert recipes == sorted(file.name for file in made.samples.parent.iterdir())
    assert np.abs(made.images().astype(int) - eager).max() <= 1
