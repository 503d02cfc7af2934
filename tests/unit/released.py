"""A small release, file for file in the layouts of the authors': two objects, two styles, features, weights, tables."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

OBJECTS = ("n01440764_0008", "n02123045_0008")
WORDS = ("fish", "cat")
GROUPS = {"101549_0": 2, "103946_0": 3}  # exemplars of each group of BAM-FG
MEDIA = (5, 7)  # of fifty
DISTRACTORS = 50
PROMPTS, PER_PROMPT = 2, 4


def picture(seed: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """A picture of four flat quarters and some noise, so that its features tell it from others."""
    rng = np.random.default_rng(seed)
    quarters = np.kron(rng.integers(0, 256, (2, 2, 3)), np.ones((16, 16, 1)))
    image = Image.fromarray(np.clip(quarters + rng.normal(0, 8, quarters.shape), 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind)
    return buffer.getvalue()


def put(folder: Path, path: str, data: bytes) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return path


def put_samples(folder: Path, case: str, synth: str, name: str, prompts: tuple[int, ...], seed: int) -> list[str]:
    numbers = [PER_PROMPT * prompt + i for prompt in prompts for i in range(PER_PROMPT)]
    path = f"dataset/synth/{case}/{synth}/{name}/samples"
    return [put(folder, f"{path}/{n:05d}.png", picture(seed if n % 2 else 1000 + n)) for n in numbers]


def make_release(folder: Path) -> Path:
    """Writes the images and JSON files; half of the samples look like their exemplar."""
    entries = []
    for i, (name, word) in enumerate(zip(OBJECTS, WORDS, strict=True)):
        path = f"dataset/exemplar/imagenet/images/{name[:9]}/ILSVRC2012_val_{i:08d}.JPEG"
        exemplars = [put(folder, path, picture(i, "JPEG"))]
        media = put_samples(folder, "imagenet", "media", name, MEDIA, i)
        gpt = put_samples(folder, "imagenet", "gpt", name, (0, 1), i)
        synth = {"media": media, "gpt": gpt}
        entries.append({"exemplar": exemplars, "synth": synth, "class_id": name, "category": word})
    write_json(folder, "observed_imagenet", entries)
    entries = []
    for i, (name, count) in enumerate(GROUPS.items()):
        place = f"dataset/exemplar/bamfg/images/{name}"
        exemplars = [put(folder, f"{place}/{k}.jpg", picture(100 * (i + 1) + k, "JPEG")) for k in range(count)]
        gpt = put_samples(folder, "bamfg", "gpt", name, (0, 1), 100 * (i + 1))
        things = put_samples(folder, "bamfg", "object", name, (0, 1), 100 * (i + 1))
        synth = {"gpt": gpt, "object": things}
        entries.append({"exemplar": exemplars, "synth": synth, "class_id": name, "category": None})
    write_json(folder, "bamfg", entries)
    return folder


def write_json(folder: Path, name: str, entries: object) -> Path:
    file = folder / f"dataset/json/test_{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(entries))
    return file


def read_json(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / f"dataset/json/test_{name}.json").read_text())


def save(file: Path, content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, file)
    return file


def save_mapper(file: Path, dim: int, seed: int = 0) -> dict:
    """Random maps near the identity, saved as the authors do; returns what was saved."""
    torch.manual_seed(seed)
    maps = {name: torch.nn.Linear(dim, dim) for name in ("real_mapper", "synth_mapper")}
    for layer in maps.values():
        torch.nn.init.eye_(layer.weight)
        layer.weight.data += 0.01 * torch.randn(dim, dim)
    content = {name: layer.state_dict() for name, layer in maps.items()}
    save(file, content)
    return content


def save_calibrator(file: Path, tau: float, threshold: float) -> Path:
    return save(file, {"inv_tau": torch.tensor(1 / tau), "bias": torch.tensor(-1000 * threshold)})


def save_laion(file: Path, dim: int, count: int = DISTRACTORS) -> dict:
    features = 2 * torch.rand(count, dim, generator=torch.Generator().manual_seed(1)) - 1
    content = {"feats": features, "paths": [f"dataset/laion_subset/{i:07d}.png" for i in range(count)]}
    save(file, content)
    return content


def save_case(file: Path, entries: list[dict], dim: int) -> dict:
    """Random features of a case, in the layout of the authors' extract_feat.py."""
    kinds = list(entries[0]["synth"])
    sizes = np.cumsum([0, *(len(entry["exemplar"]) for entry in entries)]).tolist()
    random = torch.Generator().manual_seed(2)
    paths = {kind: [path for entry in entries for path in entry["synth"][kind]] for kind in kinds}
    content = {
        "exemplar_paths": [path for entry in entries for path in entry["exemplar"]],
        "exemplar_chunks": list(itertools.pairwise(sizes)),
        "exemplar_tensors": torch.randn(sizes[-1], dim, generator=random),
        "synth_paths": paths,
        "synth_ids": {kind: [i for i, e in enumerate(entries) for _ in e["synth"][kind]] for kind in kinds},
        "synth_tensors": {kind: torch.randn(len(paths[kind]), dim, generator=random) for kind in kinds},
    }
    save(file, content)
    return content
