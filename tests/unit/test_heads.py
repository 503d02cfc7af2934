"""Heads: maps and NT-Xent by hand, batches without false negatives, learning, and the step `train_head`."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import torch

from tests.unit.chain import DIM, SIGNAL, Chain, picture, plant_shard, plant_weights, write_features
from workflow_scripts import artifacts, heads, plugins
from workflow_scripts.evaluation.features import read_images
from workflow_scripts.evaluation.pairs import make_pairs
from workflow_scripts.heads import Head, Pairs, _contrastive, _maps, _scoring, identity, linear
from workflow_scripts.heads._scoring import mean_average_precision
from workflow_scripts.study.schema import section_schema

SETTINGS = {
    "temperatures": [0.1],
    "learning_rate": 1e-2,
    "ridge": 0.1,
    "orthogonality": 0,
    "batch": 16,
    "epochs": 8,
    "patience": 8,
    "hidden": 64,
    "dim": 12,
}
COLUMNS = ["temperature", "epoch", "loss", "train_mAP", "val_mAP"]
SHAPES = {  # of one side's tensors, for features of width 16
    "linear": {"weight": (16, 16), "bias": (16,)},
    "channel": {"scale": (16,)},
    "mlp": {"weight1": (64, 16), "scale1": (64,), "shift1": (64,), "weight2": (12, 64), "bias2": (12,)},
}


def section(head: str) -> dict:
    """The keys that a head declares."""
    declared = plugins.settings_type("heads", head)
    return {field.name: SETTINGS[field.name] for field in fields(declared)} if declared else {}


def settings(head: str, **changes):
    return plugins.settings("heads", head, section(head) | changes)


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


@pytest.mark.parametrize(("name", "new"), [("linear", _maps.NearIdentity(4)), ("channel", _maps.Channel(4))])
def test_a_new_head_is_the_identity(name: str, new: _maps.Map):
    features = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert torch.equal(new(torch.from_numpy(features)), torch.from_numpy(features))
    head = Head(name, {f"sample.{key}": tensor for key, tensor in new.tensors().items()})
    untuned = heads.project(Head("identity", {}), "sample", features)
    assert heads.project(head, "sample", features) == pytest.approx(untuned, abs=1e-6)
    assert np.linalg.norm(untuned, axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("linear", lambda: _maps.NearIdentity(6)),
        ("channel", lambda: _maps.Channel(6)),
        ("mlp", lambda: _maps.Mlp(6, hidden=5, out=3)),
    ],
)
def test_apply_equals_the_torch_map_in_eval_mode(name: str, build):
    torch.manual_seed(0)
    trained, features = build(), torch.randn(40, 6)
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter)
    for rows in features.split(10):
        trained(rows)  # moves the statistics of batch norm
    expected = trained.eval()(features).detach().numpy()
    tensors = {f"exemplar.{key}": tensor for key, tensor in trained.tensors().items()}
    assert plugins.load("heads", name).apply(tensors, "exemplar", features.numpy()) == pytest.approx(expected, abs=1e-5)


def test_the_orthogonality_penalty_by_hand():
    near = _maps.NearIdentity(2, orthogonality=0.5)
    assert near.penalty().item() == 0
    near.difference.data = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    # W = [[1, 1], [0, 2]], W W^T - I = [[1, 2], [2, 3]], squared 1 + 4 + 4 + 9 = 18, by d = 2
    assert near.penalty().item() == pytest.approx(0.5 * 18 / 2)
    near.difference.data = torch.tensor([[-1.0, 1.0], [-1.0, -1.0]])  # a rotation
    assert near.penalty().item() == 0
    assert _maps.NearIdentity(2).penalty() == 0.0


def test_an_mlp_by_hand():
    mlp = _maps.Mlp(1, hidden=2, out=1)
    mlp.first.weight.data = torch.tensor([[1.0], [-1.0]])
    mlp.norm.running_mean, mlp.norm.running_var = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 1.0])
    mlp.norm.weight.data, mlp.norm.bias.data = torch.tensor([6.0, 1.0]), torch.tensor([0.5, 0.5])
    mlp.second.weight.data, mlp.second.bias.data = torch.tensor([[2.0, 1.0]]), torch.tensor([10.0])
    tensors = {f"sample.{key}": tensor for key, tensor in mlp.tensors().items()}
    # x = 3: 6 (3 - 1) / 2 + 0.5 = 6.5 and -3 + 0.5 -> 0, hence 2 * 6.5 + 10; x = -1: -5.5 -> 0 and 1.5, hence 11.5
    mapped = plugins.load("heads", "mlp").apply(tensors, "sample", np.array([[3], [-1]], np.float32))
    assert mapped[:, 0] == pytest.approx([23, 11.5], abs=1e-4)


def test_channel_by_hand():
    tensors = {"exemplar.scale": np.array([1, 0.5], np.float32), "sample.scale": np.array([-1, 0], np.float32)}
    head, features = Head("channel", tensors), np.array([[3, 4]], np.float32)  # of length 1: [0.6, 0.8]
    assert heads.project(head, "exemplar", features)[0] == pytest.approx(np.array([0.6, 0.4]) / np.hypot(0.6, 0.4))
    assert heads.project(head, "sample", features)[0] == pytest.approx([-1, 0])


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


def test_samples_are_ranked_among_the_exemplars_of_their_split(monkeypatch):
    monkeypatch.setattr(_scoring, "BLOCK", 2)
    exemplars, samples = unit([[1, 0.3], [1, 0], [0, 1]]), unit([[1, 0], [1, 0], [0, 1]])
    pairs = Pairs(exemplars, np.array([0, 1, 2]), samples, np.array([0, 1, 2]))
    assert mean_average_precision(Head("identity", {}), pairs) == pytest.approx((1 / 2 + 1 + 1) / 3)
    monkeypatch.setattr(_scoring, "TRAIN_QUERIES", 2)  # the first and the last
    scores = _scoring.score(Head("identity", {}), train=pairs, val=pairs)
    assert scores == pytest.approx({"train_mAP": (1 / 2 + 1) / 2, "val_mAP": (1 / 2 + 1 + 1) / 3})


def test_queries_of_train_are_evenly_spaced():
    pairs = planted(models=5, seed=0, per_model=3)
    assert _scoring.thin(pairs, 8).sample_model.tolist() == [0, 0, 1, 2, 2, 3, 4, 4]  # rows 0, 2, 4, ..., 14
    assert np.array_equal(_scoring.thin(pairs, 99).samples, pairs.samples)


def test_the_identity_has_one_row_of_history():
    train, val = planted(models=20, seed=1), planted(models=10, seed=2)
    tensors, [row] = identity.fit(train, val, None, 0)
    assert tensors == {} and list(row) == COLUMNS and row["epoch"] == 0
    assert np.isnan([row["temperature"], row["loss"]]).all() and 0 < row["train_mAP"] < row["val_mAP"] < 1


@pytest.mark.parametrize("name", SHAPES)
def test_learning_beats_the_identity_and_repeats_exactly(name: str):
    train, val = planted(models=60, seed=1), planted(models=20, seed=2)
    _, untuned = identity.fit(train, val, None, 0)
    module = plugins.load("heads", name)
    tensors, history = module.fit(train, val, settings(name), 0)
    assert list(history[0]) == COLUMNS and np.isnan(history[0]["loss"])
    if name != "mlp":
        assert history[0]["val_mAP"] == pytest.approx(untuned[0]["val_mAP"])
    assert mean_average_precision(Head(name, tensors), val) == max(row["val_mAP"] for row in history)
    assert max(row["val_mAP"] for row in history) > untuned[0]["val_mAP"] + 0.2
    assert history[-1]["train_mAP"] > untuned[0]["train_mAP"] + 0.2
    again, repeated = module.fit(train, val, settings(name), 0)
    assert all(np.array_equal(tensors[key], again[key]) for key in tensors)
    assert pd.DataFrame(history).equals(pd.DataFrame(repeated))
    assert {key: array.shape for key, array in tensors.items()} == {
        f"{side}.{key}": shape for side in ("exemplar", "sample") for key, shape in SHAPES[name].items()
    }
    assert all(array.dtype == np.float32 for array in tensors.values())


def test_an_mlp_starts_from_weights_of_its_seed():
    train, val = planted(models=10, seed=1), planted(models=5, seed=2)
    state = torch.get_rng_state()
    starts = [plugins.load("heads", "mlp").fit(train, val, settings("mlp", epochs=1), seed)[1][0] for seed in (0, 1)]
    assert starts[0]["val_mAP"] != starts[1]["val_mAP"]
    assert torch.equal(torch.get_rng_state(), state)


def fit_at(temperatures: list[float], **changes) -> tuple[heads.Tensors, pd.DataFrame]:
    train, val = planted(models=30, seed=1), planted(models=15, seed=2)
    tensors, history = linear.fit(train, val, settings("linear", temperatures=temperatures, **changes), 0)
    return tensors, pd.DataFrame(history)


def test_the_temperature_that_is_better_on_val_is_kept():
    alone = {nu: fit_at([nu]) for nu in (0.1, 1)}
    assert alone[1][1]["val_mAP"].max() > alone[0.1][1]["val_mAP"].max()
    for order in ([0.1, 1], [1, 0.1]):
        tensors, history = fit_at(order)
        assert all(np.array_equal(tensors[key], alone[1][0][key]) for key in tensors)
        assert history.equals(pd.concat([alone[nu][1] for nu in order], ignore_index=True))  # same start, same seed
        assert (history["epoch"] == 0).sum() == 2


def test_orthogonality_pulls_towards_orthogonal_maps():
    def excess(orthogonality: float) -> float:
        weight = fit_at([0.1], orthogonality=orthogonality)[0]["sample.weight"]
        return np.linalg.norm(weight @ weight.T - np.eye(16))

    assert excess(10) < 0.5 * excess(0)


def test_ridge_pulls_towards_the_identity(monkeypatch):
    def distance(ridge: float) -> float:
        scores = iter(range(99))
        monkeypatch.setattr(_contrastive, "score", lambda *_: {"val_mAP": next(scores)})  # the last epoch wins
        return np.linalg.norm(fit_at([0.1], ridge=ridge)[0]["sample.weight"] - np.eye(16))

    assert distance(50) < 0.5 * distance(0)


def test_training_stops_when_val_does_not_improve():
    _, history = fit_at([0.1, 1], learning_rate=1e-12, epochs=50, patience=2)
    assert history["epoch"].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_loss_that_is_not_finite_is_an_error():
    train = planted(models=4, seed=1)
    train.samples[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"the loss is nan; lower learning_rate \(0\.01\)"):
        linear.fit(train, train, settings("linear"), 0)


def test_one_model_is_too_few():
    train = planted(models=1, seed=1)
    with pytest.raises(ValueError, match="has one model of train; contrastive learning needs at least two"):
        linear.fit(train, train, settings("linear"), 0)


def test_no_batch_of_an_mlp_has_one_model():
    smallest = section_schema(plugins.settings_type("heads", "mlp"))["properties"]["batch"]["minimum"]
    for models in range(2, 12):
        pairs = planted(models, seed=0, per_model=1)
        assert all(len(rows) > 1 for rows, _ in _contrastive.draw_epoch(pairs, smallest, np.random.default_rng(0)))


@pytest.fixture
def study(tmp_path) -> Chain:
    """A case of styles on disk: 12 models of train, 6 of val, two exemplars each."""
    chain, rng = Chain(tmp_path), np.random.default_rng(0)
    rows, features, signals = [], [], {}
    for i in range(18):
        signals[f"style-{i}"] = 3 * rng.normal(size=SIGNAL)
        row = {"model": f"style-{i}", "split": "train" if i < 12 else "val", "class": "x"}
        origin = {"new_artist": False, "source": f"style-{i}", "sha256": "", "twins": [], "seen_twin": False}
        plant_weights(chain, "styles", f"style-{i}", 2)
        for k in range(2):
            rows.append(row | origin | {"k": k, "image": picture(rng)})
            features.append(np.concatenate([signals[f"style-{i}"], 4 * rng.normal(size=DIM - SIGNAL)]))
    artifacts.write_table(chain.exemplars("styles"), pd.DataFrame(rows), {})
    write_features(chain.exemplar_features("pixels", "styles"), "pixels", chain.exemplars("styles"), np.array(features))
    for shard, models in {"train_0000": list(signals)[:12], "val_0000": list(signals)[12:]}.items():
        plant_shard(chain, "styles", shard, models, signals, rng)
    return chain


def train(
    chain: Chain, head: str, encoder: str = "pixels", shards: tuple[str, ...] = ("train_0000", "val_0000")
) -> None:
    names = {"encoder": encoder, "head": head, "training_set": "style", "share": 1, "seed": 0, "version": 1}
    chain.run(
        "train_head",
        section(head) | names,
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
    assert list(history) == COLUMNS
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


def test_a_smaller_share_is_part_of_a_larger_one(study):
    manifests = [study.manifest("styles", shard) for shard in ("train_0000", "val_0000")]
    features = [study.sample_features("pixels", "styles", shard) for shard in ("train_0000", "val_0000")]
    exemplars = [study.exemplars("styles")], [study.exemplar_features("pixels", "styles")]
    images = read_images(exemplars, (manifests, features), None, "pixels")
    chosen = {}
    for share in (0.01, 0.25, 0.5, 1.0):
        pairs = make_pairs(images, "train", share)
        chosen[share] = {tuple(row) for row in pairs.exemplars.tolist()}
    assert [len(rows) for rows in chosen.values()] == [2, 6, 12, 24]  # of two exemplars each, one model at least
    assert chosen[0.01] < chosen[0.25] < chosen[0.5] < chosen[1.0]
