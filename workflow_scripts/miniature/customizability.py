"""How well a customized model has learned its exemplar: whether untuned features find it from samples of plain prompts.

Each val exemplar is ranked among the others of its case and the drawings of the distractors, all of them on white as
exemplars are. Of val, because the base model and its fine-tuning are chosen by these numbers.

Shapes: e exemplars, n distractors, q samples, d features.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts, plugins
from workflow_scripts.encoders import Encoder, encode_images
from workflow_scripts.evaluation.intervals import mean_intervals
from workflow_scripts.evaluation.ranking import rank
from workflow_scripts.evaluation.retrieval import count_ahead
from workflow_scripts.ground_truth.samples import Sample, draw, plan_samples
from workflow_scripts.heads import normalize
from workflow_scripts.miniature.corpus.exemplars import exemplar_of
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.ground_truth import fill_in
from workflow_scripts.study.settings.measures import Measured

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

RECALL_AT = (1, 10)
RESAMPLES = 2000
PICTURE_ROWS = 6  # exemplars shown of each case


def read_exemplars(parquet: Path) -> pd.DataFrame:
    """The exemplars of a case that are measured: those of val, with the columns model, class_word and image."""
    return artifacts.read_table(parquet, ["model", "class_word", "image"], keep={"split": ["val"]})


def load_encoders(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Encoder]:
    """The encoders of these sections of a study that look at images."""
    return {
        name: plugins.load("encoders", name).load(plugins.settings("encoders", name, section))
        for name, section in sections.items()
        if plugins.reads(name) == "image"
    }


def embed_distractors(drawings: pd.DataFrame, encoders: Mapping[str, Encoder], seed: int) -> dict[str, np.ndarray]:
    """Features [n, d] of drawings as exemplars would show them, by encoder."""
    images = decode([exemplar_of(row, seed)["image"] for _, row in drawings.iterrows()])
    return {name: _embed(encoder, images) for name, encoder in encoders.items()}


def decode(images: Sequence[bytes]) -> np.ndarray:
    """Encoded images of one size as uint8 [n, h, w, 3]."""
    return np.stack([artifacts.decode_image(data, f"image {i}") for i, data in enumerate(images)])


def sample_plain(
    base: "BaseModel", folder: Path, exemplars: pd.DataFrame, prompts: Sequence[str], settings: Measured
) -> tuple[list[Sample], np.ndarray]:
    """One sample of each exemplar's model for each prompt, model by model; images uint8 [q, h, w, 3].

    Args:
        folder: of the models' files.
        exemplars: one row per model, with the columns model and class_word.
        prompts: templates with `{subject}`.

    Raises:
        ValueError: a sample is not finite.
    """
    planned = [
        sample
        for model, word in zip(exemplars.model, exemplars.class_word, strict=True)
        for sample in plan_samples(model, "plain", fill_in(prompts, word), 1, settings.seed)
    ]
    images = list(draw(base, folder, planned, settings))
    for sample, image in zip(planned, images, strict=True):
        if image is None:
            raise ValueError(f"{folder}: samples of {sample.model} have pixels that are not finite")
    return planned, np.stack(images)


def recall(
    encoders: Mapping[str, Encoder],
    samples: Sequence[Sample],
    images: np.ndarray,
    exemplars: np.ndarray,
    distractors: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Recall@1 and @10 of each sample's exemplar, by encoder.

    Args:
        images: of the samples, uint8 [q, h, w, 3], equally many of each exemplar.
        exemplars: images uint8 [e, h, w, 3], in the order of the samples' models.
        distractors: their features by encoder.
    """
    return {
        name: recall_of(_embed(encoder, images), _embed(encoder, exemplars), distractors[name], samples, seed)
        for name, encoder in encoders.items()
    }


def _embed(encoder: Encoder, images: np.ndarray) -> np.ndarray:
    return normalize(encode_images(encoder, images))


def recall_of(
    queries: np.ndarray, exemplars: np.ndarray, distractors: np.ndarray, samples: Sequence[Sample], seed: int
) -> dict[str, Any]:
    """`recall` of features [q, d] among those of all exemplars [e, d] and distractors [n, d]."""
    own = np.repeat(np.arange(len(exemplars)), len(samples) // len(exemplars))  # the exemplar of each query
    scores = queries @ exemplars.T  # [q, e]
    rivals = count_ahead(scores, scores[np.arange(len(queries)), own, None])[:, 0] - 1  # it counts itself
    ranks = rank(queries, distractors, exemplars, own[:, None], top_k=1).ranks[:, 0] + rivals
    sizes = {"models": len(exemplars), "queries": len(queries), "candidates": len(distractors) + len(exemplars)}
    hits = {f"recall@{k}": (ranks <= k).astype(float) for k in RECALL_AT}
    return sizes | mean_intervals(hits, [sample.model for sample in samples], RESAMPLES, seed, "recall")


def picture_rows(exemplars: np.ndarray, images: np.ndarray, models: Sequence[str]) -> list[np.ndarray]:
    """Rows of a picture: some exemplars [e, h, w, 3], each beside the samples [q, h, w, 3] of its model.

    `models` names the model of each exemplar; the names decide which are shown.
    """
    rows = sorted(range(len(models)), key=lambda row: derive_seed("picture", models[row]))[:PICTURE_ROWS]
    by_model = images.reshape(len(models), -1, *images.shape[1:])
    return [np.concatenate([exemplars[row], *by_model[row]], axis=1) for row in rows]
