import numpy as np
import pytest
import torch
from torch import nn

from workflow_scripts.customization import token_id, tokenize
from workflow_scripts.customization._model_bank import (
    ModelBank,
    StackedEmbedding,
    StackedLinear,
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


def test_weights_come_back_from_their_tensors(base):
    bank, other = bank_of(base, 3), bank_of(base, 1)
    weights = bank.weights(2, rank=None)
    other.load(0, weights)
    for mine, theirs in zip(bank.deltas, other.deltas, strict=True):
        assert torch.equal(mine[2], theirs[0])
    assert torch.equal(bank.embedding.rows[2], other.embedding.rows[0])


def test_low_rank_keeps_the_leading_singular_values(base):
    bank, other = bank_of(base, 1), bank_of(base, 1)
    for rank in (1, 4, 16):
        weights = bank.weights(0, rank)
        assert all(array.size <= 48 * rank for array in weights.values())
        other.load(0, weights)
        for path, layer in bank.linear.items():
            delta = layer.delta[0].detach().numpy()
            error = np.linalg.norm(other.linear[path].delta[0].detach().numpy() - delta)
            lost = np.linalg.norm(np.linalg.svd(delta, compute_uv=False)[rank:])  # Eckart-Young
            np.testing.assert_allclose(error, lost, atol=1e-4)


def test_weights_of_another_base_model_are_refused(base):
    bank = bank_of(base, 1)
    weights = bank.weights(0, rank=None)
    path = next(iter(bank.linear))
    broken = {
        "<new1>": {name: array for name, array in weights.items() if name != "<new1>"},
        path: {**weights, f"{path}.delta": np.zeros((2, 2), np.float32)},
        "mid.attn9.delta": {**weights, "mid.attn9.delta": np.zeros((2, 2), np.float32)},
    }
    for name, tensors in broken.items():
        with pytest.raises(ValueError, match=f"weights of another base model: {name} is"):
            bank.load(0, tensors)


def test_a_prompt_is_never_cut_off(base):
    assert (tokenize(base, ["a picture of a <new1> cat"]) == token_id(base)).sum() == 1
    assert tokenize(base, ["<new1> " + "a " * 9]).shape == (1, 12)  # with start and end
    with pytest.raises(ValueError, match=r"prompt '<new1> a .* a ' has 13 tokens, the text encoder takes 12; shorten"):
        tokenize(base, ["<new1> " + "a " * 10])
