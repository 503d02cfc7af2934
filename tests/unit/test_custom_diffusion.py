import functools
import hashlib
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from workflow_scripts import plugins
from workflow_scripts.base_models import diffusers_sd
from workflow_scripts.customization import Task, custom_diffusion
from workflow_scripts.customization.bank import training


def tasks_of(*numbers):
    """Tasks that differ, each depending on its own number alone; the last number has two exemplars."""
    for number in numbers:
        rng = np.random.default_rng(number)
        exemplars = rng.integers(0, 256, (2 if number == numbers[-1] else 1, 20, 20, 3), np.uint8)
        latents = rng.normal(size=(4, 6, 4, 4)).astype(np.float32)
        yield Task(
            f"cat_{number:04d}", "<new1> cat", list(exemplars), latents, ["a picture of a cat", "a cat"] * 2, number
        )


def train(base, tasks, settings, **changes):
    section = replace(plugins.settings("customization", "custom_diffusion", settings), **changes)
    made = list(custom_diffusion.fine_tune(base, list(tasks), "object", section))
    return {one.model: one for one in made}


def assert_same(a, b, rtol=1e-3):
    """The same weights up to rounding. Adam's first step has the size of the rate whatever the gradient's, so single
    entries whose gradient is next to nothing may differ more than the matrix as a whole.
    """
    assert a.weights.keys() == b.weights.keys()
    for name in a.weights:
        assert np.linalg.norm(a.weights[name] - b.weights[name]) <= rtol * np.linalg.norm(a.weights[name]), name


def fingerprint(base):
    digest = hashlib.sha256()
    for network in (base.text_encoder, base.vae, base.unet):
        for name, tensor in network.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("prediction", ["base_folder", "epsilon_folder"])
def test_a_model_does_not_depend_on_its_neighbours(prediction, clip, request, customization):
    base = diffusers_sd.load(request.getfixturevalue(prediction), "cpu")
    alone = train(base, tasks_of(*range(7)), customization, models_per_batch=1, max_grad_norm=clip)
    for size in (3, 7):
        banked = train(base, tasks_of(*range(7)), customization, models_per_batch=size, max_grad_norm=clip)
        for model in alone:
            assert_same(alone[model], banked[model])
            np.testing.assert_allclose(alone[model].losses, banked[model].losses, rtol=1e-3)
    reordered = train(base, reversed(list(tasks_of(*range(7)))), customization, max_grad_norm=clip)
    assert list(reordered) == list(reversed(alone))
    for model in alone:
        assert_same(alone[model], reordered[model])


def test_models_differ(base, customization):
    first, second = train(base, tasks_of(1, 2), customization).values()
    assert all(not np.allclose(first.weights[name], second.weights[name], rtol=0.1) for name in first.weights)


def test_nothing_but_the_bank_changes(base, customization):
    before = fingerprint(base)
    train(base, tasks_of(1, 2), customization)
    assert fingerprint(base) == before
    assert all(p.grad is None for p in base.unet.parameters())


def test_training_lowers_the_loss(base, customization):
    made = train(base, tasks_of(1), customization, steps=120, learning_rate=2e-2, view_pool=1, prior_images=0)
    losses = made["cat_0001"].losses
    assert np.mean(losses[-30:]) < 0.9 * np.mean(losses[:30])


def test_the_token_starts_from_its_initializer(base, customization):
    still = train(base, tasks_of(1), customization, learning_rate=0.0, token_learning_rate=0.0)["cat_0001"].weights
    word = base.tokenizer.convert_tokens_to_ids("<instance>")
    assert np.array_equal(still.pop("<new1>"), base.text_encoder.get_input_embeddings().weight[word].numpy())
    assert not any(delta.any() for delta in still.values())


@pytest.mark.parametrize("word", ["elephant", "<unknown>"])
def test_an_initializer_that_is_no_single_token_is_refused(word, base, customization):
    customization["initializer_token"]["object"] = word
    with pytest.raises(ValueError, match=f"customization.initializer_token: '{word}' is .* tokens of the base model's"):
        train(base, tasks_of(1), customization)


def test_a_model_whose_loss_is_not_finite_fails_alone(base, customization):
    tasks = list(tasks_of(1, 2, 3))
    alone = train(base, tasks, customization)
    tasks[1].prior_latents[:] = np.nan
    made = train(base, tasks, customization)
    assert made["cat_0002"].error == "loss nan at step 0"
    for model in ("cat_0001", "cat_0003"):
        assert made[model].error is None
        assert_same(made[model], alone[model])


def test_a_model_that_diverges_fails_alone(base, customization):
    tasks = list(tasks_of(1, 2, 3))
    alone = train(base, tasks, customization)
    tasks[1].prior_latents[:] *= 1e4  # a target that no step can reach
    made = train(base, tasks, customization)
    assert re.fullmatch(r"loss [\d.e+]+ at step 0", made["cat_0002"].error)
    for model in ("cat_0001", "cat_0003"):
        assert_same(made[model], alone[model])


def test_the_loss_does_not_look_beyond_the_mask(base, customization, monkeypatch):
    gathered = []

    def gather(*args):
        gathered.append(_gather(*args))
        return gathered[-1]

    _gather = training._gather
    monkeypatch.setattr(training, "_gather", gather)
    train(base, tasks_of(1), {**customization, "looks": customization["looks"][1:2]})
    masks = gathered[0].masks  # 16 pixels on 4 cells
    sides = masks.sum((1, 2)).sqrt() * 4
    assert ((sides >= 0.4 * 16 - 0.5) & (sides <= 0.6 * 16 + 0.5)).all()
    assert masks.max() <= 1


def test_no_graph_is_kept_below_the_first_cross_attention(base, customization):
    block = base.unet.down_blocks[0].attentions[0].transformer_blocks[0]
    graphs = {}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: graphs.update({name: output.requires_grad}))
        for name, module in (("conv_in", base.unet.conv_in), ("attn1", block.attn1), ("attn2", block.attn2))
    ]
    train(base, tasks_of(1), customization, steps=1)
    for hook in hooks:
        hook.remove()
    assert graphs == {"conv_in": False, "attn1": False, "attn2": True}


def test_gradients_are_clipped_by_each_models_own_norm():
    parameters = [torch.nn.Parameter(torch.zeros(2, 1)), torch.nn.Parameter(torch.zeros(2, 1, 1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([[3.0], [0.3]]), torch.tensor([[[4.0]], [[0.4]]])
    training._clip_each(parameters, 1.0)  # norms 5 and 0.5
    torch.testing.assert_close(parameters[0].grad, torch.tensor([[0.6], [0.3]]))
    torch.testing.assert_close(parameters[1].grad, torch.tensor([[[0.8]], [[0.4]]]))


def test_rates_warm_up_and_fall_to_a_tenth(customization):
    customization |= {"schedule": "cosine", "warmup_steps": 4, "steps": 100}
    settings = plugins.settings("customization", "custom_diffusion", customization)
    assert training._rate(0, settings) == pytest.approx(0.25)
    assert training._rate(50, settings) == pytest.approx(0.55)  # 0.1 + 0.9 / 2
    assert training._rate(100, settings) == pytest.approx(0.1)
    assert training._rate(99, replace(settings, schedule="constant")) == 1


def test_a_compiled_network_learns_the_same(base, customization, monkeypatch):
    """Traced and differentiated as by default, but not made machine code of, which takes a minute."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    eager = train(base, tasks_of(1, 2), customization, steps=2)
    compiled = train(base, tasks_of(1, 2), customization, steps=2, compile=True)
    for model in eager:
        assert_same(eager[model], compiled[model])


def test_bf16_comes_near_fp32(base, base_folder, customization):
    exact = train(base, tasks_of(1), customization)["cat_0001"]
    rough = train(base, tasks_of(1), customization, precision="bf16")["cat_0001"]
    np.testing.assert_allclose(exact.losses, rough.losses, rtol=0.05)
    frozen_in_bf16 = diffusers_sd.load(base_folder, "cpu", "bf16")
    assert frozen_in_bf16.unet.dtype == torch.bfloat16 and frozen_in_bf16.vae.dtype == torch.float32
    rougher = train(frozen_in_bf16, tasks_of(1), customization, precision="bf16")["cat_0001"]
    np.testing.assert_allclose(exact.losses, rougher.losses, rtol=0.05)
    assert all(array.dtype == np.float32 for array in (*rough.weights.values(), *rougher.weights.values()))
    assert math.isfinite(sum(rough.losses))


def test_a_compiled_network_serves_all_banks_of_a_size(base, customization, monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    train(base, tasks_of(*range(6)), customization, steps=2, models_per_batch=2, compile=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1  # 3 banks of 2 models, 2 steps each
