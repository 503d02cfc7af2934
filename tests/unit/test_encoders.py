"""Encoders: shapes, known values, real ImageNet predictions, and refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
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


def random_network(architecture: str, precision: str, **options: int) -> NetworkEncoder:
    network = timm.create_model(architecture, num_classes=0, **options)
    return NetworkEncoder(network, network.num_features, 32, precision)


ENCODERS = {
    "pixels": lambda: pixels.load(pixels.Settings(size=8)),
    "efficientnet_lite0": lambda: lite0(32),
    "efficientnet_lite0, bf16": lambda: lite0(32, "bf16"),
    "as clip_mini": lambda: random_network("convnext_atto", "fp32"),
    "as dino_mini": lambda: random_network("vit_tiny_patch16_224", "fp32", img_size=32, patch_size=8),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_equal_images_have_equal_features_in_any_batch(name: str, tmp_path: Path):
    """At the start of a file of 66, at its end in another batch, and alone in another file."""
    encoder = ENCODERS[name]()
    images = np.random.default_rng(1).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    files = {"many": [*images, images[0], images[5]], "one": images[:1], "few": images[3:6]}
    paths = [tmp_path / f"{file}.parquet" for file in files]
    for path, of_file in zip(paths, files.values(), strict=True):
        artifacts.write_table(path, pd.DataFrame({"image": [artifacts.encode_png(image) for image in of_file]}), {})
    (many,), (one,), (few,) = (encode_files([path], encoder) for path in paths)
    np.testing.assert_array_equal(many[64:], many[[0, 5]])
    np.testing.assert_array_equal(one, many[:1])
    np.testing.assert_array_equal(few, many[3:6])


def test_equal_captions_have_equal_features_in_any_batch(base_folder: Path):
    """Beside longer captions, alone, and in another order."""
    captions = ["a cat", "a picture of a very large dog in a small house", "a cat", "a picture of a cat", "dog"]

    def encode(*captions: str) -> torch.Tensor:
        return text.load(text.Settings(path=str(base_folder)))(captions)

    features = encode(*captions)
    assert torch.equal(features[0], features[2])
    assert torch.equal(features, encode(*captions[::-1]).flip(0))
    assert torch.equal(features, torch.cat([encode(caption) for caption in captions]))


def test_imagenet_weights_know_a_temple():
    photo = np.array(load_sample_image("china.jpg"))[None]
    network = NetworkEncoder(efficientnet_lite0.imagenet_network(), 1000, 224, "fp32", [0.5] * 3, [0.5] * 3)
    scores = network(network.preprocess(photo))[0]
    names = [ImageNetInfo().index_to_description(int(i)) for i in scores.topk(3).indices]
    assert {"stupa, tope", "bell cote, bell cot"} & set(names), names


def test_low_precision_stays_close():
    """As docs/data.md says of the same bytes on other machines."""
    images = np.random.default_rng(2).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    full, low = (lite0(64, precision) for precision in ("fp32", "bf16"))
    cosine = torch.cosine_similarity(full(full.preprocess(images)), low(low.preprocess(images)))
    assert cosine.min() > 0.999


def test_weights_of_another_network_are_refused(monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: {"x": torch.zeros(3)})
    with pytest.raises(ValueError, match="its 1 tensors do not match the 247 of timm's tf_efficientnet_lite0"):
        efficientnet_lite0.imagenet_network()


def test_text_sees_captions_without_the_token(base_folder, tmp_path):
    encoder = text.load(text.Settings(path=str(base_folder)))
    captions = ["a picture of a <new1> cat", "a picture of a cat", "a picture of a dog"]
    features = encoder(encoder.preprocess(captions))
    assert features.shape == (3, encoder.dim)
    assert torch.equal(features[0], features[1]) and not torch.allclose(features[1], features[2])
    table = pd.DataFrame({"id": ["x", "y"], "caption": captions[:0:-1], "image": [b"no image", b"is read"]})
    artifacts.write_table(tmp_path / "distractors.parquet", table, {})
    (read,) = encode_files([tmp_path / "distractors.parquet"], encoder, reads=plugins.reads("text"))
    assert torch.equal(torch.from_numpy(read[1]), features[1])
    artifacts.write_table(tmp_path / "nameless.parquet", table.drop(columns="caption"), {})
    with pytest.raises(ValueError, match=r"nameless\.parquet: has no captions; it needs a column of prompt, caption"):
        artifacts.read_captions(tmp_path / "nameless.parquet")
    with pytest.raises(ValueError, match="lacks text_encoder/"):
        text.load(text.Settings(path=str(tmp_path)))


def test_a_missing_clip_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="lacks open_clip_config"):
        clip_mini.load(clip_mini.Settings(path=str(tmp_path), precision="fp32"))
