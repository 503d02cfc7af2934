"""Small data in the very layouts that the study `abc` reads: ImageNet, style folders, tars of LAION, weights."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

CLIP = {  # ViT-B/32, narrower and with two layers
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
}
SSCD_FEATURES = 512


class Blurred(torch.nn.Module):
    """Stands where SSCD's network does, as TorchScript: an image, blurred, seen through random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.project = torch.nn.Linear(3 * 8 * 8, SSCD_FEATURES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        blurred = torch.nn.functional.adaptive_avg_pool2d(images, (8, 8))
        return torch.nn.functional.normalize(self.project(blurred.flatten(1)), dim=1)


def jpeg(*name: object, size: tuple[int, int] = (320, 288)) -> bytes:
    """A photograph of coloured patches, another for each name."""
    seed = list("/".join(map(str, name)).encode())
    patches = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_image(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(jpeg(file.parent.name, file.name))


def write_imagenet(folder: Path, wnids: list[str], train: int, val: int) -> None:
    """ILSVRC2012 with a folder per class in train and in val."""
    for wnid in wnids:
        for i in range(train):
            write_image(folder / f"train/{wnid}/{wnid}_{i}.JPEG")
        for i in range(val):
            write_image(folder / f"val/{wnid}/ILSVRC2012_val_{i:08d}.JPEG")


def write_styles(folder: Path, groups: dict[str, dict[str, int]]) -> None:
    """A folder per group with so many images, and the lists that name the groups of each split."""
    for split, sizes in groups.items():
        for group, size in sizes.items():
            for i in range(size):
                write_image(folder / group / f"{group}_{i}.jpg")
        (folder / f"{split}.txt").write_text("".join(f"{group}\n" for group in sizes))


def write_tars(folder: Path, tars: int, images: int) -> None:
    """What img2dataset writes: in each tar, an image, its caption and its address by key."""
    folder.mkdir(parents=True)
    for i in range(tars):
        with tarfile.open(folder / f"{i:05d}.tar", "w") as tar:
            for k in range(images):
                key, caption = f"{i:05d}{k:04d}", f"a picture of number {k}"
                about = json.dumps({"url": f"https://example.org/{key}.jpg", "key": key, "caption": caption})
                for end, data in {"jpg": jpeg("laion", key), "json": about.encode(), "txt": caption.encode()}.items():
                    member = tarfile.TarInfo(f"{key}.{end}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def write_clip(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    model = CLIP["model_cfg"]
    network = open_clip.CLIP(model["embed_dim"], model["vision_cfg"], model["text_cfg"], quick_gelu=True)
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(CLIP))


def write_sscd(file: Path) -> None:
    torch.manual_seed(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.script(Blurred()).save(str(file))
