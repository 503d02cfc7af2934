import re

import numpy as np
import pytest
import torch
from torch import nn

from workflow_scripts.customization import custom_diffusion, token_id, tokenize
from workflow_scripts.customization.bank.stacked import (
    ModelBank,
    StackedEmbedding,
    StackedLinear,
    effective_weights,
    projections,
)


def bank_of(base, models):
    """A bank whose models all differ."""
    torch.manual_seed(1)
    bank = ModelBank(base, torch.zeros(16), models)
    for parameter in (*bank.deltas, bank.embedding.rows):
        nn.init.normal_(parameter)
    return bank


def test_each_row_goes_through_its_own_map():
    torch.manual_seed(0)
    stacked = StackedLinear(torch.randn(3, 2), models=2)
    nn.init.normal_(stacked.delta)
    x = torch.randn(4, 5, 3)  # two rows of each model
    y = stacked(x)
    for row, model in enumerate([0, 0, 1, 1]):
        torch.testing.assert_close(y[row], x[row] @ (stacked.weight + stacked.delta[model]))


def test_keys_and_values_are_those_of_the_layers(base):
    bank = bank_of(base, 2)
    states = torch.randn(4, 12, 16)  # two rows of each model
    projected = bank.project(states)
    for path, layer in projections(base.unet).items():
        for row, model in enumerate([0, 0, 1, 1]):
            weight = layer.weight + bank.linear[path].delta[model].T
            torch.testing.assert_close(projected[path][row], states[row] @ weight.T)


def test_each_row_has_its_own_token():
    base = nn.Embedding(4, 3)
    stacked = StackedEmbedding(base, token=4, initial=torch.zeros(3), models=2)
    nn.init.normal_(stacked.rows)
    embedded = stacked(torch.tensor([[1, 4], [4, 2]]))
    expected = [[base.weight[1], stacked.rows[0]], [stacked.rows[1], base.weight[2]]]
    assert torch.equal(embedded, torch.stack([torch.stack(row) for row in expected]))


def test_all_cross_attention_layers_are_customized_and_no_other(base):
    paths = projections(base.unet)
    layers = [path for path, module in base.unet.named_modules() if path.endswith("attn2")]
    assert sorted(paths) == sorted(f"{path}.{name}" for path in layers for name in ("to_k", "to_v"))
    assert {layer.weight.shape[1] for layer in paths.values()} == {16}  # the text width: no self-attention


def test_stable_diffusion_has_the_known_number_of_trained_weights():
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)  # the defaults are SD 1.4's
    layers = projections(unet)
    assert len(layers) == 2 * 16
    assert sum(layer.weight.numel() for layer in layers.values()) == 19_169_280


def test_the_base_model_is_itself_again_afterwards(base):
    modules, embedding = dict(base.unet.named_modules()), base.text_encoder.get_input_embeddings()
    with pytest.raises(KeyboardInterrupt), bank_of(base, 2).installed():
        assert isinstance(base.text_encoder.get_input_embeddings(), StackedEmbedding)
        raise KeyboardInterrupt
    assert dict(base.unet.named_modules()) == modules
    assert base.text_encoder.get_input_embeddings() is embedding


def test_a_file_gives_back_the_weights_of_the_bank_to_the_last_bit(base):
    bank = bank_of(base, 3)
    effective = effective_weights(base, bank.weights(2))
    for path, layer in bank.linear.items():
        assert torch.equal(effective[path], layer.weight + layer.delta[2])


def test_a_model_of_a_file_conditions_as_a_bank_of_one_does_to_the_last_bit(base):
    bank = bank_of(base, 1)
    prompts = ["", "a picture of a <new1> cat"]
    ids = tokenize(base, prompts)
    with torch.no_grad(), bank.installed():
        states = base.text_encoder(ids).last_hidden_state
        projected = bank.project(states)
    found = custom_diffusion.condition(base, bank.weights(0), prompts)
    assert torch.equal(found.states, states)
    assert all(torch.equal(found.projected[path], projected[path]) for path in projected)


def test_a_whole_weight_is_taken_as_it_is(base):
    weights = bank_of(base, 1).weights(0)
    rng = np.random.default_rng(0)
    whole = {path: rng.normal(size=layer.weight.shape) for path, layer in projections(base.unet).items()}
    tensors = {f"{path}.weight": array.astype(np.float32) for path, array in whole.items()}
    effective = effective_weights(base, {**tensors, "<new1>": weights["<new1>"]})
    for path in whole:
        assert np.array_equal(effective[path].numpy().T, tensors[f"{path}.weight"])


def test_a_file_may_hold_factors(base):
    weights = bank_of(base, 1).weights(0)
    path, layer = next(iter(projections(base.unet).items()))
    rows, columns = layer.weight.shape
    del weights[f"{path}.delta"]
    weights[f"{path}.delta.u"] = np.full((rows, 2), 3, np.float32)
    weights[f"{path}.delta.v"] = np.full((2, columns), 5, np.float32)
    assert torch.equal(effective_weights(base, weights)[path], (layer.weight + 30).T)


def test_weights_of_another_base_model_are_refused(base):
    weights = bank_of(base, 1).weights(0)
    path, layer = next(iter(projections(base.unet).items()))
    rows, columns = layer.weight.shape
    small, rest = np.zeros((2, 2), np.float32), {k: v for k, v in weights.items() if k != f"{path}.delta"}
    u, v = np.zeros((rows, 3), np.float32), np.zeros((3, columns), np.float32)
    shape = f"{rows}, {columns}"
    broken = {
        "<new1> is missing": {name: array for name, array in weights.items() if name != "<new1>"},
        "<new1> is of shape [2, 2], expected [16]": {**weights, "<new1>": small},
        f"{path}.delta is missing": rest,
        f"{path}.delta is of shape [2, 2], expected [{shape}]": {**weights, f"{path}.delta": small},
        f"{path}.weight is of shape [2, 2], expected [{shape}]": {**rest, f"{path}.weight": small},
        f"{path}.weight is unknown": {**weights, f"{path}.weight": weights[f"{path}.delta"]},
        f"{path}.delta.v is missing": {**rest, f"{path}.delta.u": u},
        f"{path}.delta.u is missing": {**rest, f"{path}.delta.v": v},
        f"{path}.delta.v is of shape [2, {columns}]": {**rest, f"{path}.delta.u": u, f"{path}.delta.v": v[:2]},
        f"{path}.delta.u is unknown": {**weights, f"{path}.delta.u": u},
        "mid.attn9.delta is unknown": {**weights, "mid.attn9.delta": small},
    }
    for says, tensors in broken.items():
        with pytest.raises(ValueError, match=re.escape(f"weights of another base model: {says}")):
            effective_weights(base, tensors)


def test_a_prompt_is_never_cut_off(base):
    assert (tokenize(base, ["a picture of a <new1> cat"]) == token_id(base)).sum() == 1
    assert tokenize(base, ["<new1> " + "a " * 9]).shape == (1, 12)  # with start and end
    with pytest.raises(ValueError, match=r"prompt '<new1> a .* a ' has 13 tokens, the text encoder takes 12; shorten"):
        tokenize(base, ["<new1> " + "a " * 10])
