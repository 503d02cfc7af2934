"""What low-rank models cost: their samples compared with those of the full models, from the same seeds."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow_scripts import artifacts
from workflow_scripts.customization import TOKEN
from workflow_scripts.customization.bank.low_rank import DELTA, compress
from workflow_scripts.encoders import Encoder, encode_images
from workflow_scripts.ground_truth.samples import Sample, draw
from workflow_scripts.heads import normalize
from workflow_scripts.reporting.markdown import aligned
from workflow_scripts.study.settings.measures import Measured

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

COLUMNS = {
    "ratio": ("singular values kept", ".0%"),
    "size_mb": ("size (MB)", ".3g"),
    "rank_mean": ("mean rank", ".1f"),
    "relative_error": ("relative error", ".1%"),
    "distance": ("distance of samples", ".4f"),
}
PAGE = """\
# Low-rank models

Of each change of W_k and W_v, `customization.compression_ratio` keeps the leading singular values that
sum to this share of all; 100%: full matrices. Size, rank and relative error (Frobenius norm, over all
changes) are means over the models. The distance of samples is 1 - cosine of their features, between a
sample and the full model's from the same seed.

{table}

Yardstick: two samples of a full model from different seeds are {two_seeds:.4f} apart.

{models} test models of `{study}`, {prompts} prompts each, features of `{encoder}`. Made by
`snakemake measure_low_rank --config study={study}`.
"""
RATIOS = (1.0, 0.6, 0.4, 0.1)  # the full models, Custom Diffusion's default, and less


def compare(
    base: "BaseModel",
    models: Mapping[str, Path],
    pairs: Sequence[tuple[Sample, Sample]],
    encoder: Encoder,
    settings: Measured,
) -> dict[str, Any]:
    """Compresses models at each of `RATIOS`, and measures how far their samples are from the full models'.

    Args:
        models: files of full models, by the name in their samples.
        pairs: two samples each, of the same model and prompt from different seeds.

    Returns:
        `ratios`: for each its mean `size_mb`, `rank_mean`, `relative_error`, and `distance`: the mean of 1 - cosine
        between the features of a sample and of the full model's. `two_seeds`: the same for two samples of a full model.

    Raises:
        ValueError: a model is compressed already, or a sample is not finite.
    """
    weights = {name: _read_full(file) for name, file in models.items()}
    first, second = map(list, zip(*pairs, strict=True))
    rows, full, other = [], None, None
    for ratio in RATIOS:
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder, f"{name}.safetensors") for name in models}
            sizes = [_write(weights[name], ratio, file, base.device) for name, file in files.items()]
            features = _features(base, Path(folder), first, encoder, settings)
            if full is None:  # the first ratio
                full, other = features, _features(base, Path(folder), second, encoder, settings)
        means = {key: float(np.mean([size[key] for size in sizes])) for key in sizes[0]}
        rows.append({"ratio": ratio, **means, "distance": _distance(features, full)})
    return {"ratios": rows, "two_seeds": _distance(full, other)}


def _read_full(file: Path) -> dict[str, np.ndarray]:
    weights = artifacts.read_tensors(file)
    for name in weights:
        if name != TOKEN and not name.endswith(DELTA):
            raise ValueError(
                f"{file}: holds {name}, expected full changes {DELTA}; make it at a compression_ratio of 1"
            )
    return weights


def _write(weights: Mapping[str, np.ndarray], ratio: float, file: Path, device: str) -> dict[str, float]:
    """Writes a compressed model; returns its size, rank and error."""
    tensors, lost = compress(weights, ratio, device)
    artifacts.write_tensors(file, tensors, {}, sidecar=False)
    full_rank = float(np.mean([min(array.shape) for name, array in weights.items() if name != TOKEN]))
    size = sum(array.nbytes for array in tensors.values()) / 1e6
    return {"size_mb": size, "rank_mean": full_rank, "relative_error": 0.0, **lost}


def _features(
    base: "BaseModel", folder: Path, samples: Sequence[Sample], encoder: Encoder, settings: Measured
) -> np.ndarray:
    """Features [n, d], of length 1, of samples of the models in a folder."""
    images = list(draw(base, folder, samples, settings))
    for sample, image in zip(samples, images, strict=True):
        if image is None:
            raise ValueError(f"{sample.model}: the sample of {sample.prompt!r} has pixels that are not finite")
    return normalize(encode_images(encoder, np.stack(images)))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean of 1 - cosine of the rows of two sets of features [n, d] of length 1."""
    return float(1 - (a * b).sum(1, dtype=np.float64).mean())


def to_markdown(costs: Mapping[str, Any], models: int, prompts: int, study: str, encoder: str) -> str:
    """The page of what `compare` measured."""
    rows = [[format(abs(row[key]), spec) for key, (_, spec) in COLUMNS.items()] for row in costs["ratios"]]
    table, two_seeds = "\n".join(aligned([heading for heading, _ in COLUMNS.values()], rows)), costs["two_seeds"]
    return PAGE.format(table=table, two_seeds=two_seeds, models=models, prompts=prompts, study=study, encoder=encoder)
