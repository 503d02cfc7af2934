"""Encoders: shapes, known values, real ImageNet predictions, and refusals."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_sample_image
from timm.data import ImageNetInfo

from workflow_scripts import artifacts, plugins
from workflow_scripts.encoders import clip_mini, efficientnet_lite0, encode_files, pixels, text
from workflow_scripts.encoders._images import NetworkEncoder, to_square


def test_to_square_keeps_the_centre():
    image = np.zeros((1, 4, 8, 3), np.uint8)
    image[:, :, 2:6] = 255
    assert to_square(image, 2, "area").eq(1).all()
    assert to_square(image, 8, "bicubic").min() > 0.9999


def test_pixels_are_the_means_of_a_grid():
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, :2, :2, 0] = [[255, 255], [255, 0]]  # three quarters of the first red cell
    encoder = pixels.load(pixels.Settings(size=2))
    features = encoder(encoder.preprocess(image))
    assert features.shape == (1, encoder.dim) == (1, 12)
    assert features[0].tolist() == pytest.approx([0.5] + [-1] * 11)


def lite0(size: int, precision: str = "fp32") -> NetworkEncoder:
    return efficientnet_lite0.load(efficientnet_lite0.Settings(size=size, precision=precision))


def test_multi_level_features_have_unit_length_per_stage():
    encoder = lite0(32)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    features = encoder(encoder.preprocess(images))
    assert features.shape == (2, encoder.dim) == (2, 944)
    for stage in features.split([80, 224, 640], dim=1):
        assert stage.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_the_batch_does_not_change_a_feature():
    encoder = lite0(32)
    inputs = encoder.preprocess(np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    alone = torch.cat([encoder(image[None]) for image in inputs])
    assert torch.allclose(encoder(inputs), alone, atol=1e-5)


def test_imagenet_weights_know_a_temple():
    photo = np.array(load_sample_image("china.jpg"))[None]
    network = NetworkEncoder(efficientnet_lite0.imagenet_network(), 1000, 224, "fp32", [0.5] * 3, [0.5] * 3)
    scores = network(network.preprocess(photo))[0]
    names = [ImageNetInfo().index_to_description(int(i)) for i in scores.topk(3).indices]
    assert {"stupa, tope", "bell cote, bell cot"} & set(names), names


def test_low_precision_stays_close():
    images = np.random.default_rng(2).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    full, low = (lite0(64, precision) for precision in ("fp32", "bf16"))
    cosine = torch.cosine_similarity(full(full.preprocess(images)), low(low.preprocess(images)))
    assert cosine.min() > 0.99


def test_weights_of_another_network_are_refused(monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: {"x": torch.zeros(3)})
    with pytest.raises(ValueError, match="its 1 tensors do not match the 247 of timm's tf_efficientnet_lite0"):
        efficientnet_lite0.imagenet_network()


def test_text_sees_captions_without_the_token(base_folder, tmp_path):
    encoder = text.load(text.Settings(path=str(base_folder)))
    captions = ["a picture of a <new1> cat", "a picture of a cat", "a picture of a dog"]
    features = encoder(encoder.preprocess(captions))
    assert features.shape == (3, encoder.dim)
    assert torch.allclose(features[0], features[1], atol=1e-6) and not torch.allclose(features[1], features[2])
    table = pd.DataFrame({"id": ["x", "y"], "caption": captions[:0:-1], "image": [b"no image", b"is read"]})
    artifacts.write_table(tmp_path / "distractors.parquet", table, {})
    (read,) = encode_files([tmp_path / "distractors.parquet"], encoder, reads=plugins.reads("text"))
    assert torch.allclose(torch.from_numpy(read[1]), features[1], atol=1e-6)
    artifacts.write_table(tmp_path / "nameless.parquet", table.drop(columns="caption"), {})
    with pytest.raises(ValueError, match=r"nameless\.parquet: has no captions; it needs a column of prompt, caption"):
        artifacts.read_captions(tmp_path / "nameless.parquet")
    with pytest.raises(ValueError, match="lacks text_encoder/"):
        text.load(text.Settings(path=str(tmp_path)))


def test_a_missing_clip_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="lacks open_clip_config"):
        clip_mini.load(clip_mini.Settings(path=str(tmp_path), precision="fp32"))
