"""Features that do not belong to what they are read for are refused by name."""

import shutil

import numpy as np
import pytest

from tests.unit.chain import DIM, make_chain, write_features
from workflow_scripts import artifacts
from workflow_scripts.evaluation import features


@pytest.fixture
def chain(tmp_path):
    return make_chain(tmp_path)


def test_reads_exemplars_and_samples_in_step(planted):
    exemplars = features.read_exemplars(
        [planted.exemplars(case) for case in ("seen", "styles")],
        [planted.exemplar_features("pixels", case) for case in ("seen", "styles")],
        "pixels",
    )
    assert exemplars.features.shape == (14 + 3 * 14, DIM)
    queries, samples = features.read_samples(
        [planted.manifest("styles", "val_0000")], [planted.sample_features("pixels", "styles", "val_0000")], "pixels"
    )
    assert samples.shape == (6 * (4 + 2), DIM)
    truth = exemplars.truth(queries)
    names = exemplars.table["id"].to_numpy()[truth]
    assert names[0].tolist() == ["styles-0/0", "styles-0/1", "styles-0/2"]
    assert all(row[0].startswith(f"{model}/") for row, model in zip(names, queries["model"], strict=True))


def test_features_of_another_encoder(planted):
    file = planted.exemplar_features("pixels", "seen")
    with pytest.raises(
        ValueError, match=rf"{file}: encoder is 'pixels' in the file's provenance, expected 'clip_mini'"
    ):
        features.read_exemplars([planted.exemplars("seen")], [file], "clip_mini")
    with pytest.raises(ValueError, match="expected 'clip_mini'"):
        features.map_distractors(planted.distractor_features("pixels"), "clip_mini")


def test_features_of_another_source(chain):
    shutil.copy(chain.exemplar_features("pixels", "unseen"), chain.exemplar_features("pixels", "seen"))
    with pytest.raises(ValueError, match=r"seen.safetensors: features of another version of .*seen.parquet"):
        features.read_exemplars([chain.exemplars("seen")], [chain.exemplar_features("pixels", "seen")], "pixels")


def test_too_few_features(chain):
    file = chain.exemplar_features("pixels", "seen")
    write_features(file, "pixels", chain.exemplars("seen"), np.zeros((3, DIM)))
    with pytest.raises(ValueError, match=r"3 rows of features, but .*seen.parquet has 14 images"):
        features.read_exemplars([chain.exemplars("seen")], [file], "pixels")


def test_features_of_another_width(chain):
    seen, unseen = (chain.exemplar_features("pixels", case) for case in ("seen", "unseen"))
    count = len(artifacts.read_tensors(unseen)["features"])
    write_features(unseen, "pixels", chain.exemplars("unseen"), np.zeros((count, DIM + 1)))
    parquets = [chain.exemplars(case) for case in ("seen", "unseen")]
    with pytest.raises(ValueError, match=rf"{unseen}: features of width {DIM + 1}, but {seen} has {DIM}"):
        features.read_exemplars(parquets, [seen, unseen], "pixels")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_named_by_row(chain, value, monkeypatch):
    monkeypatch.setattr(features, "CHECKED_AT_ONCE", 2)
    broken = np.zeros((14, DIM))
    broken[5, 1] = value
    file = chain.exemplar_features("pixels", "seen")
    write_features(file, "pixels", chain.exemplars("seen"), broken)
    with pytest.raises(ValueError, match=rf"{file}: row 5 of features holds NaN or infinity"):
        features.read_exemplars([chain.exemplars("seen")], [file], "pixels")
    file = chain.distractor_features("pixels")
    write_features(file, "pixels", chain.exemplars("seen"), broken)
    with pytest.raises(ValueError, match=rf"{file}: row 5 of features holds NaN or infinity"):
        features.map_distractors(file, "pixels")


def test_model_without_exemplars(planted):
    exemplars = features.read_exemplars(
        [planted.exemplars("unseen")], [planted.exemplar_features("pixels", "unseen")], "pixels"
    )
    queries, _ = features.read_samples(
        [planted.manifest("seen", "val_0000")], [planted.sample_features("pixels", "seen", "val_0000")], "pixels"
    )
    with pytest.raises(ValueError, match="seen: samples of model 'seen_0000', which has no exemplars"):
        exemplars.truth(queries)


def test_memory_map_equals_reading(planted):
    file = planted.distractor_features("pixels")
    mapped = artifacts.map_tensor(file, "features")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, artifacts.read_tensors(file)["features"])
    with pytest.raises(ValueError, match="has no float32 array 'other'"):
        artifacts.map_tensor(file, "other")
