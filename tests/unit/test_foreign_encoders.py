"""Encoders that others trained: read from files in the very formats of the real ones, and refused when they do not fit.

Real architectures, random weights. What a file should give is computed without our loaders: by the library that wrote
it, or by a forward pass written out here.
"""

import argparse
import json
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import safetensors.numpy
import timm
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from sklearn.datasets import load_sample_image
from torchvision import transforms

from workflow_scripts import artifacts, plugins

DIMS = {
    "dino_vitb16": 768,
    "moco_v3_vitb": 768,
    "vit_b16_384": 768,
    "dinov2": 768,
    "dinov3": 768,
    "clip_vit_b32": 512,
    "siglip2": 768,
    "sscd": 512,
    "csd": 768,
}
STRICT = [name for name in DIMS if name != "sscd"]  # TorchScript brings its own network
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CLIP = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
BICUBIC, BILINEAR = transforms.InterpolationMode.BICUBIC, transforms.InterpolationMode.BILINEAR

Tensors = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args):
        raise AssertionError("an encoder asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """Emptied at once: pytest would keep gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)


# The networks, without memory, and cheap weights for them


def shapes(build: Callable[[], torch.nn.Module]) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in build().state_dict().items()}


def timm_shapes(architecture: str, classes: int = 0) -> dict[str, torch.Size]:
    return shapes(lambda: timm.create_model(architecture, num_classes=classes))


def clip_config(name: str, **preprocess: Any) -> dict[str, Any]:
    """open_clip's own configuration, but with hardly any text tower."""
    model = open_clip.get_model_config(name)
    model["text_cfg"] = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
    return {"model_cfg": model, "preprocess_cfg": preprocess}


CLIP_CONFIGS = {
    "clip_vit_b32": clip_config("ViT-B-32-quickgelu", **CLIP, interpolation="bicubic", resize_mode="shortest"),
    "siglip2": clip_config(
        "ViT-B-16-SigLIP2", mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic", resize_mode="squash"
    ),
}


def clip_shapes(model: Mapping[str, Any]) -> dict[str, torch.Size]:
    arguments = {key: value for key, value in model.items() if key != "custom_text"}
    return shapes(lambda: (open_clip.CustomTextCLIP if "custom_text" in model else open_clip.CLIP)(**arguments))


def file_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Key and shape of every tensor in the real file of weights (of its model, if it holds more)."""
    match name:
        case "dino_vitb16":
            return timm_shapes("vit_base_patch16_224")
        case "moco_v3_vitb":
            encoder = timm_shapes("vit_base_patch16_224")
            head = {"head.0.weight": (8, 768), "head.1.running_mean": (8,), "head.3.weight": (8, 8)}
            both = {f"{part}.{key}": shape for part in ("base", "momentum") for key, shape in (encoder | head).items()}
            return {f"module.{key.replace('.', '_encoder.', 1)}": shape for key, shape in both.items()} | {
                "module.predictor.0.weight": (8, 8)
            }
        case "vit_b16_384":
            return timm_shapes("vit_base_patch16_384", classes=1000)
        case "dinov2":
            return timm_shapes("vit_base_patch14_dinov2")
        case "dinov3":
            return timm_shapes("vit_base_patch16_dinov3")
        case "clip_vit_b32" | "siglip2":
            return clip_shapes(CLIP_CONFIGS[name]["model_cfg"])
        case "csd":
            tower = clip_shapes(clip_config("ViT-L-14-quickgelu")["model_cfg"])
            visual = {
                key.replace("visual", "module.backbone"): tower[key] for key in tower if key.startswith("visual.")
            }
            projection = visual.pop("module.backbone.proj")
            return visual | {f"module.last_layer_{half}": projection for half in ("style", "content")}
    raise AssertionError(name)


def noise(of: Mapping[str, tuple[int, ...]], seed: int = 0) -> Tensors:
    """Weights that keep activations near 1; matrices are cut from one pool, for drawing them is what takes time."""
    generator = torch.Generator().manual_seed(seed)
    pool = torch.empty(2**23).uniform_(-0.05, 0.05, generator=generator)
    made = {}
    for key, shape in of.items():
        numbers = int(np.prod(shape))
        start = int(torch.randint(len(pool) - numbers, (), generator=generator)) if numbers < len(pool) else 0
        made[key] = pool[start : start + numbers].view(shape)
        if len(shape) == 1 and not key.endswith(("bias", "mean")):
            made[key] = 1 + 4 * made[key]
    return made


def zeros(of: Mapping[str, tuple[int, ...]]) -> Tensors:
    """Tensors of one byte each in memory, and of few in a file."""
    return {key: torch.zeros((), dtype=torch.uint8).expand(shape) for key, shape in of.items()}


# The files


def save_timm(folder: Path, tensors: Tensors, architecture: str, **pretrained: Any) -> tuple[Path, Path]:
    """A folder as timm's hub has it."""
    classes = 1000 if "head.weight" in tensors else 0
    config = {
        "architecture": architecture,
        "num_classes": classes,
        "num_features": 768,
        "pretrained_cfg": {
            "custom_load": False,
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "num_classes": classes,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
            **pretrained,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder, save_safetensors(folder / "model.safetensors", tensors)


def save_safetensors(file: Path, tensors: Tensors) -> Path:
    safetensors.numpy.save_file({key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}, file)
    return file


def save_csd(file: Path, tensors: Tensors) -> Path:
    """Beside the weights, what was found in the published file: numbers of NumPy 1 and the training's arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np._core.multiarray.scalar, "__module__", "numpy.core.multiarray", raising=False)
        checkpoint = {
            "model_state_dict": tensors,
            "opt_bb": {"param_groups": [{"lr": np.float64(1e-5)}]},
            "iter": 80000,
            "args": argparse.Namespace(arch="vit_large", lr=1e-5),
        }
        torch.save(checkpoint, file)
    assert b"cnumpy.core.multiarray\nscalar" in file.read_bytes()
    return file


def save(name: str, folder: Path, tensors: Tensors) -> tuple[Path, Path]:
    """Writes tensors as the real file has them; returns the setting `path`, and the file of weights."""
    match name:
        case "dino_vitb16":
            file = folder / "dino_vitbase16_pretrain.pth"
            torch.save(tensors, file)
        case "moco_v3_vitb":
            file = folder / "vit-b-300ep.pth.tar"
            torch.save({"epoch": 300, "arch": "vit_base", "state_dict": tensors, "optimizer": {"state": {}}}, file)
        case "vit_b16_384":
            half = {"mean": [0.5] * 3, "std": [0.5] * 3}
            return save_timm(folder, tensors, "vit_base_patch16_384", input_size=[3, 384, 384], **half)
        case "dinov2":
            return save_timm(folder, tensors, "vit_base_patch14_dinov2", input_size=[3, 518, 518], **IMAGENET)
        case "dinov3":
            return save_timm(folder, tensors, "vit_base_patch16_dinov3", input_size=[3, 256, 256], **IMAGENET)
        case "clip_vit_b32" | "siglip2":
            (folder / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIGS[name]))
            return folder, save_safetensors(folder / "open_clip_model.safetensors", tensors)
        case "csd":
            file = save_csd(folder / "pytorch_model.bin", tensors)
    return file, file


# What the files should give


def attention(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, heads: int) -> torch.Tensor:
    """Self-attention [b, l, d] before its projection."""
    batch, length, width = x.shape
    q, k, v = F.linear(x, weight, bias).view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)  # [b, heads, l, -]
    scores = q @ k.transpose(2, 3) / (width // heads) ** 0.5
    return (scores.softmax(3) @ v).transpose(1, 2).reshape(batch, length, width)


def patches(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return F.conv2d(images, weight, bias, stride=weight.shape[-1]).flatten(2).transpose(1, 2)  # [b, l, d]


def facebook_vit(w: Tensors, images: torch.Tensor) -> torch.Tensor:
    """The class token of ViT-B/16, with the names of DINO and MoCo v3."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (768,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = patches(images, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"])
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x], 1) + w["pos_embed"]
    for i in range(12):
        block = f"blocks.{i}"
        qkv = w[f"{block}.attn.qkv.weight"], w[f"{block}.attn.qkv.bias"]
        x = x + linear(attention(norm(x, f"{block}.norm1"), *qkv, heads=12), f"{block}.attn.proj")
        x = x + linear(F.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
    return norm(x, "norm")[:, 0]


def openai_vit(w: Tensors, images: torch.Tensor) -> torch.Tensor:
    """The class token of ViT-L/14 before its projection, with OpenAI's names."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (1024,), w[f"{name}.weight"], w[f"{name}.bias"])

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = patches(images, w["conv1.weight"], None)
    x = torch.cat([w["class_embedding"].expand(len(x), 1, -1), x], 1) + w["positional_embedding"]
    x = norm(x, "ln_pre")
    for i in range(24):
        block = f"transformer.resblocks.{i}"
        qkv = w[f"{block}.attn.in_proj_weight"], w[f"{block}.attn.in_proj_bias"]
        x = x + linear(attention(norm(x, f"{block}.ln_1"), *qkv, heads=16), f"{block}.attn.out_proj")
        hidden = linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")
        x = x + linear(hidden * (1.702 * hidden).sigmoid(), f"{block}.mlp.c_proj")
    return norm(x, "ln_post")[:, 0]


def under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def torchvision_transform(resize: int, crop: int, interpolation: Any, mean: Any, std: Any) -> Callable:
    return transforms.Compose(
        [
            transforms.Resize(resize, interpolation),
            transforms.CenterCrop(crop),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


def reference(name: str, path: Path, tensors: Tensors) -> tuple[Callable, Callable]:
    """What should become of an image, and of preprocessed images [b, 3, s, s]."""
    match name:
        case "dino_vitb16":
            preprocess = torchvision_transform(256, 224, BICUBIC, **IMAGENET)
            return preprocess, lambda images: facebook_vit(tensors, images)
        case "moco_v3_vitb":
            preprocess = torchvision_transform(256, 224, BILINEAR, **IMAGENET)
            return preprocess, lambda images: facebook_vit(under("module.base_encoder.", tensors), images)
        case "csd":
            preprocess = torchvision_transform(224, 224, BICUBIC, **CLIP)
            backbone, style = under("module.backbone.", tensors), tensors["module.last_layer_style"]
            return preprocess, lambda images: F.normalize(openai_vit(backbone, images) @ style, dim=1)
        case "clip_vit_b32" | "siglip2":
            model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{path}", require_pretrained=True)
            return preprocess, model.eval().encode_image
    network = timm.create_model(f"local-dir:{path}", pretrained=True, num_classes=0).eval()
    preprocess = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    return preprocess, lambda images: network.forward_features(images)[:, 0]  # the class token


PHOTO = np.array(load_sample_image("china.jpg"))  # 427 x 640
PHOTOS = {"wide": PHOTO, "high": PHOTO.transpose(1, 0, 2), "small": PHOTO[100:301, 200:450]}


def load(name: str, path: Path, sha256: str | None):
    section = {"path": str(path), "sha256": sha256, "precision": "fp32"}
    return plugins.load("encoders", name).load(plugins.settings("encoders", name, section))


def check(encoder, name: str, preprocess: Callable, forward: Callable) -> None:
    for photo in PHOTOS.values():
        inputs = encoder.preprocess(photo[None])
        expected = preprocess(Image.fromarray(photo))
        levels = 255 * encoder.std * (inputs[0] - expected).abs()  # of 255, which Pillow rounds
        assert inputs.shape[1:] == expected.shape and levels.max() < 4 and levels.mean() < 0.2
    features = encoder(inputs)
    assert features.shape == (1, encoder.dim) == (1, DIMS[name]) and features.dtype == torch.float32
    with torch.inference_mode():
        expected = forward(inputs)
    assert torch.allclose(features, expected, atol=1e-4 * expected.abs().max()), (features - expected).abs().max()


@pytest.mark.parametrize("name", STRICT)
def test_features_of_the_real_format(name, folder):
    tensors = noise(file_shapes(name))
    path, weights = save(name, folder, tensors)
    preprocess, forward = reference(name, path, tensors)
    encoder = load(name, path, artifacts.file_hash(weights))
    assert encoder.precision == "fp32"
    check(encoder, name, preprocess, forward)


def test_openai_features_need_no_word_on_their_activation(folder):
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    model = {**CLIP_CONFIGS["clip_vit_b32"]["model_cfg"], "embed_dim": 8, "vision_cfg": vision}
    save_safetensors(folder / "open_clip_model.safetensors", noise(clip_shapes(model)))
    features = []
    for said in ({"quick_gelu": True}, {}):
        silent = {key: value for key, value in model.items() if key != "quick_gelu"}
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": silent | said}))
        encoder = load("clip_vit_b32", folder, None)
        features.append(encoder(encoder.preprocess(PHOTO[None])))
    expected = open_clip.create_model(f"local-dir:{folder}", force_quick_gelu=True).encode_image(
        encoder.preprocess(PHOTO[None])
    )
    assert torch.equal(*features) and torch.allclose(features[0], expected, atol=1e-5)


# TorchScript


class CopyDetector(torch.nn.Module):
    """SSCD: a ResNet-50 with generalised mean pooling, projected to features of length 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.trunk = torch.nn.Sequential(*list(torchvision.models.resnet50().children())[:-2])
        self.project = torch.nn.Linear(2048, dim)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = self.trunk(images).clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)
        return F.normalize(self.project(pooled), dim=1)


def save_sscd(folder: Path, dim: int = 512) -> tuple[Path, CopyDetector]:
    network = CopyDetector(dim).eval()
    file = folder / "sscd_disc_mixup.torchscript.pt"
    torch.jit.script(network).save(str(file))
    return file, network


def test_features_of_torchscript(folder):
    torch.manual_seed(0)
    file, network = save_sscd(folder)
    encoder = load("sscd", file, artifacts.file_hash(file))
    check(encoder, "sscd", torchvision_transform(288, 288, BILINEAR, **IMAGENET), network)


def test_torchscript_of_another_network_is_refused(folder):
    file, _ = save_sscd(folder, dim=1024)
    with pytest.raises(ValueError, match=rf"{file}: makes 1024 features, expected 512; download"):
        load("sscd", file, None)
    file.write_bytes(b"no TorchScript")
    with pytest.raises(ValueError, match=rf"{file}: is no TorchScript network for images \(.*\); download"):
        load("sscd", file, None)


# Refusals: one line with file, key and remedy


def refusal(name: str, path: Path, sha256: str | None = None) -> str:
    with torch.device("meta"), pytest.raises(ValueError) as raised:  # no memory, for nothing shall be computed
        load(name, path, sha256)
    message = str(raised.value)
    assert "\n" not in message and message.endswith((" to it", " to its pytorch_model.bin")), message
    return message


@pytest.mark.parametrize("name", DIMS)
def test_missing_or_other_files_are_refused(name, folder):
    path, weights = (folder / "x.pt",) * 2 if name == "sscd" else save(name, folder, {})
    weights.write_bytes(b"something else")
    found = artifacts.file_hash(weights)
    message = refusal(name, path, "0" * 64)
    assert message.startswith(f"{weights}: its sha256 is {found}, but the study says {'0' * 64}; download ")
    weights.unlink()
    assert refusal(name, path).startswith(f"{weights.parent}: lacks {weights.name}; download ")


LAST = {"moco_v3_vitb": "module.base_encoder.norm.bias", "clip_vit_b32": "visual.ln_post.bias", "csd": "ln_post.bias"}


@pytest.mark.parametrize("name", STRICT)
def test_keys_that_do_not_fit_are_refused(name, folder):
    of = file_shapes(name)
    key = next(key for key in reversed(of) if key.endswith(LAST.get(name, "norm.bias")))
    shown = key.removeprefix("module.") if name == "csd" else key

    path, weights = save(name, folder, zeros({other: shape for other, shape in of.items() if other != key}))
    assert f"{weights}: lacks '{shown}' (1 of " in refusal(name, path)
    save(name, folder, zeros(of | {f"{key}.twice": (3,)}))
    assert f"{weights}: has the unexpected key '{shown}.twice' (1 in all); " in refusal(name, path)
    save(name, folder, zeros(of | {key: (5, 7)}))
    assert f"{weights}: '{shown}' has shape [5, 7], expected [{of[key][0]}]; " in refusal(name, path)


@pytest.mark.parametrize(("name", "entry"), [("moco_v3_vitb", "state_dict"), ("csd", "model_state_dict")])
def test_a_checkpoint_without_its_entry_is_refused(name, entry, folder):
    file = folder / "weights.pt"
    torch.save({"optimizer": {}}, file)
    assert f"{file}: has no entry '{entry}'; " in refusal(name, file)
    torch.save({entry: {"epoch": 3}}, file)
    assert f"{file}: does not hold tensors by key; " in refusal(name, file)


class Harm:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.mark.parametrize("name", ["dino_vitb16", "moco_v3_vitb", "csd"])
def test_no_code_of_a_file_is_run(name, folder):
    file, harm = folder / "weights.pt", folder / "harm"
    torch.save({"state_dict": {}, "model_state_dict": {}, "x": Harm(harm)}, file)
    assert f"{file}: cannot be read as weights, and no code in it is run (" in refusal(name, file)
    assert not harm.exists()


@pytest.mark.parametrize("name", ["vit_b16_384", "siglip2"])
def test_a_damaged_folder_is_refused(name, folder):
    path, weights = save(name, folder, {})
    weights.write_bytes(b"no safetensors")
    assert f"{weights}: cannot be read as weights, and no code in it is run (" in refusal(name, path)
    config = next(folder.glob("*config.json"))
    config.write_text(json.dumps({"architecture": "vit_of_tomorrow", "pretrained_cfg": {}}))
    assert f"{config}: " in refusal(name, path)
    config.unlink()
    assert refusal(name, path).startswith(f"{folder}: lacks {config.name}; download ")


# Folders of our own


def save_dino_mini(folder: Path, **pretrained: Any) -> Path:
    """As `train_dino_mini` writes it: half precision, and arguments that timm's architecture does not have itself."""
    arguments = {"img_size": 64, "patch_size": 8, "depth": 2, "dynamic_img_size": True}
    image = {"input_size": [3, 64, 64], "crop_pct": 1.0, "mean": [0.5] * 3, "std": [0.5] * 3, "num_classes": 0}
    config = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 0,
        "global_pool": "token",
        "model_args": arguments,
        "pretrained_cfg": {"interpolation": "bicubic", **image, **pretrained},
    }
    (folder / "config.json").write_text(json.dumps(config))
    tensors = noise(shapes(lambda: timm.create_model("vit_tiny_patch16_224", num_classes=0, **arguments)))
    save_safetensors(folder / "model.safetensors", {key: tensor.half() for key, tensor in tensors.items()})
    return folder


def load_dino_mini(path: Path):
    section = {"path": str(path), "precision": "fp32"}
    return plugins.load("encoders", "dino_mini").load(plugins.settings("encoders", "dino_mini", section))


@pytest.mark.parametrize(
    "pretrained",
    [
        {},
        {"crop_pct": 0.9},  # resize to 71, crop 64
        {"crop_pct": 0.9, "crop_mode": "squash"},
        {"interpolation": "bilinear"},
    ],
    ids=str,
)
def test_dino_mini(pretrained, folder, monkeypatch):
    monkeypatch.setitem(DIMS, "dino_mini", 192)
    path = save_dino_mini(folder, **pretrained)
    preprocess, forward = reference("dino_mini", path, {})
    check(load_dino_mini(path), "dino_mini", preprocess, forward)


def test_images_of_the_right_size_stay_as_they_are(folder):
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    inputs = load_dino_mini(save_dino_mini(folder)).preprocess(image)
    assert torch.allclose(inputs, torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(("key", "value"), [("crop_mode", "border"), ("interpolation", "random")])
def test_preprocessing_that_we_do_not_know_is_refused(key, value, folder):
    path = save_dino_mini(folder, **{key: value})
    with pytest.raises(ValueError, match=rf"{path}/config\.json: resizes images by '{value}'; we know "):
        load_dino_mini(path)


def test_a_missing_dino_mini_is_named(folder):
    path = save_dino_mini(folder)
    for name in ("model.safetensors", "config.json"):
        (path / name).unlink()
        with pytest.raises(
            ValueError, match=rf"{path}: lacks {name}; make it with `snakemake dino_mini`, or get it by"
        ):
            load_dino_mini(path)
