"""Heads: NT-Xent by hand, batches without false negatives, learning, and the step `train_head`."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.unit.chain import DIM, SIGNAL, Chain, picture, plant_shard, write_features
from workflow_scripts import artifacts, heads
from workflow_scripts.heads import Head, Pairs, _contrastive, _validation, identity, linear
from workflow_scripts.heads._validation import average_precision, validation_map

SETTINGS = {"temperature": 0.1, "learning_rate": 1e-2, "ridge": 0.1, "batch": 16, "epochs": 8, "patience": 8}


def unit(array) -> np.ndarray:
    return heads.normalize(np.asarray(array, np.float32))


def planted(models: int, seed: int, per_model: int = 4, exemplars: int = 1) -> Pairs:
    """Only half of the features carry the model, the others are noise: the maps should learn to drop those."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(models, 8))

    def draw(times: int, strength: float) -> np.ndarray:
        copies = np.repeat(signal, times, axis=0)
        noise = 2 * rng.normal(size=copies.shape)
        return unit(np.concatenate([copies + strength * rng.normal(size=copies.shape), noise], axis=1))

    return Pairs(
        draw(exemplars, 0.1),
        np.repeat(np.arange(models), exemplars),
        draw(per_model, 0.3),
        np.repeat(np.arange(models), per_model),
    )


def test_nt_xent_by_hand():
    exemplars = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    samples = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # logits s_i . t_j / nu with nu = 0.5:  [[1.2, 1.6], [0, 2]]
    by_sample = [np.log(1 + np.exp(0.4)), np.log(1 + np.exp(-2.0))]  # rows: 1.6 - 1.2, 0 - 2
    by_exemplar = [np.log(1 + np.exp(-1.2)), np.log(1 + np.exp(-0.4))]  # columns: 0 - 1.2, 1.6 - 2
    expected = (sum(by_sample) + sum(by_exemplar)) / 2
    assert _contrastive.nt_xent(exemplars, samples, 0.5).item() == pytest.approx(expected, rel=1e-6)


def test_a_new_head_is_the_identity():
    features = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    near = _contrastive.NearIdentity(4)
    assert torch.equal(near(torch.from_numpy(features)), torch.nn.functional.normalize(torch.from_numpy(features)))
    head = Head("linear", _contrastive._tensors(torch.nn.ModuleDict({"exemplar": near, "sample": near})))
    untuned = heads.project(Head("identity", {}), "sample", features)
    assert heads.project(head, "sample", features) == pytest.approx(untuned, abs=1e-6)
    assert np.linalg.norm(untuned, axis=1) == pytest.approx(1)


def test_project_by_hand():
    tensors = {
        "exemplar.weight": np.array([[0, 1], [1, 0]], np.float32),
        "exemplar.bias": np.array([0.4, 0], np.float32),
        "sample.weight": np.eye(2, dtype=np.float32),
        "sample.bias": np.zeros(2, np.float32),
    }
    head, features = Head("linear", tensors), np.array([[3, 4]], np.float32)  # of length 1: [0.6, 0.8]
    assert heads.project(head, "exemplar", features)[0] == pytest.approx(np.array([1.2, 0.6]) / np.hypot(1.2, 0.6))
    assert heads.project(head, "sample", features)[0] == pytest.approx([0.6, 0.8])
    assert heads.project(head, "sample", 7 * features) == pytest.approx(heads.project(head, "sample", features))


def test_a_row_of_zeros_projects_to_zeros():
    assert heads.project(Head("identity", {}), "sample", np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]


def test_a_batch_holds_a_model_once_and_an_epoch_every_sample():
    pairs = planted(models=7, seed=0, per_model=3, exemplars=2)
    seen = []
    for exemplars, samples in _contrastive.draw_epoch(pairs, 4, np.random.default_rng(0)):
        models = pairs.sample_model[samples]
        assert (models == pairs.exemplar_model[exemplars]).all()
        assert len(set(models)) == len(models) <= 4
        seen += samples.tolist()
    assert sorted(seen) == list(range(21))


def test_every_exemplar_of_a_style_is_drawn():
    pairs = planted(models=3, seed=0, per_model=1, exemplars=4)
    rng = np.random.default_rng(0)
    seen = {row for _ in range(40) for rows, _ in _contrastive.draw_epoch(pairs, 8, rng) for row in rows}
    assert seen == set(range(12))


def test_average_precision_by_hand():
    scores = np.array([[0.9, 0.8, 0.7], [0.5, 0.5, 0.1], [0.3, 0.2, 0.1]])
    relevant = np.array([[True, False, True], [True, False, False], [True, True, True]])
    # ranks 1 and 3 -> (1 + 2/3) / 2; a tie is lost -> 1/2; all relevant -> 1
    assert average_precision(scores, relevant) == pytest.approx([5 / 6, 1 / 2, 1])


def test_validation_ranks_among_the_exemplars_of_val(monkeypatch):
    monkeypatch.setattr(_validation, "BLOCK", 2)
    exemplars, samples = unit([[1, 0.3], [1, 0], [0, 1]]), unit([[1, 0], [1, 0], [0, 1]])
    val = Pairs(exemplars, np.array([0, 1, 2]), samples, np.array([0, 1, 2]))
    assert validation_map(Head("identity", {}), val) == pytest.approx((1 / 2 + 1 + 1) / 3)


def test_learning_beats_the_identity_and_repeats_exactly():
    train, val = planted(models=60, seed=1), planted(models=20, seed=2)
    _, untuned = identity.fit(train, val, {}, 0)
    tensors, history = linear.fit(train, val, SETTINGS, 0)
    assert history[0]["val_mAP"] == pytest.approx(untuned[0]["val_mAP"])
    assert validation_map(Head("linear", tensors), val) == max(row["val_mAP"] for row in history)
    assert max(row["val_mAP"] for row in history) > untuned[0]["val_mAP"] + 0.2
    again, _ = linear.fit(train, val, SETTINGS, 0)
    assert all(np.array_equal(tensors[name], again[name]) for name in tensors)
    assert {name: array.shape for name, array in tensors.items()} == {
        "exemplar.weight": (16, 16),
        "exemplar.bias": (16,),
        "sample.weight": (16, 16),
        "sample.bias": (16,),
    }


def test_ridge_pulls_towards_the_identity(monkeypatch):
    train, val = planted(models=10, seed=1), planted(models=5, seed=2)

    def distance(ridge: float) -> float:
        scores = iter(range(99))
        monkeypatch.setattr(_contrastive, "validation_map", lambda head, val: next(scores))  # the last epoch wins
        tensors, _ = linear.fit(train, val, SETTINGS | {"ridge": ridge}, 0)
        return np.linalg.norm(tensors["sample.weight"] - np.eye(16))

    assert distance(50) < 0.5 * distance(0)


def test_training_stops_when_val_does_not_improve():
    train, val = planted(models=10, seed=1), planted(models=5, seed=2)
    _, history = linear.fit(train, val, SETTINGS | {"learning_rate": 1e-12, "epochs": 50, "patience": 2}, 0)
    assert [row["epoch"] for row in history] == [0, 1, 2]


def test_a_loss_that_is_not_finite_is_an_error():
    train = planted(models=4, seed=1)
    train.samples[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"the loss is nan; lower learning_rate \(0\.01\)"):
        linear.fit(train, train, SETTINGS, 0)


@pytest.fixture
def study(tmp_path) -> Chain:
    """A case of styles on disk: 12 models of train, 6 of val, two exemplars each."""
    chain, rng = Chain(tmp_path), np.random.default_rng(0)
    rows, features, signals = [], [], {}
    for i in range(18):
        signals[f"style-{i}"] = 3 * rng.normal(size=SIGNAL)
        row = {"model": f"style-{i}", "split": "train" if i < 12 else "val", "class": "x", "new_artist": False}
        for k in range(2):
            rows.append(row | {"k": k, "image": picture(rng)})
            features.append(np.concatenate([signals[f"style-{i}"], 4 * rng.normal(size=DIM - SIGNAL)]))
    artifacts.write_table(chain.exemplars("styles"), pd.DataFrame(rows), {})
    write_features(chain.exemplar_features("pixels", "styles"), "pixels", chain.exemplars("styles"), np.array(features))
    for shard, models in {"train_0000": list(signals)[:12], "val_0000": list(signals)[12:]}.items():
        plant_shard(chain, "styles", shard, models, signals, rng)
    return chain


def train(
    chain: Chain, head: str, encoder: str = "pixels", shards: tuple[str, ...] = ("train_0000", "val_0000")
) -> None:
    names = {"encoder": encoder, "head": head, "training_set": "style", "seed": 0, "version": 1}
    chain.run(
        "train_head",
        SETTINGS | names,
        exemplars=[chain.exemplars("styles")],
        exemplar_features=[chain.exemplar_features("pixels", "styles")],
        sample_manifests=[chain.manifest("styles", shard) for shard in shards],
        sample_features=[chain.sample_features("pixels", "styles", shard) for shard in shards],
        output=chain.head("pixels", head),
        history=chain.head("pixels", head).with_suffix(".csv"),
    )


def test_the_step_writes_head_and_history(study):
    train(study, "linear")
    head = heads.read_head(study.head("pixels", "linear"), "pixels")
    assert head.name == "linear" and head.tensors["exemplar.weight"].shape == (DIM, DIM)
    history = pd.read_csv(study.head("pixels", "linear").with_suffix(".csv"))
    assert list(history) == ["epoch", "loss", "val_mAP"]
    assert history["val_mAP"].max() > history["val_mAP"][0] and np.isnan(history["loss"][0])


def test_the_identity_is_a_head_without_tensors(study):
    train(study, "identity")
    head = heads.read_head(study.head("pixels", "identity"), "pixels")
    assert head == Head("identity", {})
    features = np.random.default_rng(0).normal(size=(3, DIM)).astype(np.float32)
    assert heads.project(head, "sample", features) == pytest.approx(heads.normalize(features))


def test_features_and_heads_of_another_encoder_are_refused(study):
    with pytest.raises(ValueError, match="encoder is 'pixels' in the file's provenance, expected 'clip_mini'"):
        train(study, "linear", encoder="clip_mini")
    assert not study.head("pixels", "linear").exists()
    train(study, "identity")
    with pytest.raises(ValueError, match="encoder is 'pixels' in the file's provenance, expected 'clip_mini'"):
        heads.read_head(study.head("pixels", "identity"), "clip_mini")


def test_a_model_without_samples_is_named(study):
    with pytest.raises(ValueError, match="styles: model 'style-12' of split 'val' has no samples"):
        train(study, "linear", shards=("train_0000",))
