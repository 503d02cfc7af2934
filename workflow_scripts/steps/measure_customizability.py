"""Measures how well the base model takes to an exemplar: whether untuned features find it again from plain samples.

Each held-out exemplar is ranked among the others of its case and the distractors' drawings, all of them on white as
exemplars are. Writes Recall@1 and @10 by case and encoder, and a picture of exemplars beside their samples.

Example:
    python -m workflow_scripts.steps.measure_customizability --base-model data/base_model \\
        --models results/miniature/models/emoji_unseen/test_0000.json \\
        --exemplars results/miniature/exemplars/emoji_unseen.parquet \\
        --distractors results/miniature/exemplars/distractors.parquet --drawings data/corpus/drawings.parquet \\
        --prompts config/prompts/customizability.txt --output docs/customizability.json \\
        --picture docs/customized.png --settings '{"seed": 0, "encoders": {"pixels": {"size": 16, "version": 1}}, ...}'
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.encoders import Encoder, encode_images
from workflow_scripts.evaluation.bootstrap import mean_intervals
from workflow_scripts.evaluation.ranking import rank
from workflow_scripts.ground_truth.samples import Sample, draw, fill_in, plan_samples
from workflow_scripts.heads import normalize
from workflow_scripts.miniature.corpus.exemplars import exemplar_of
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_lines

log = logging.getLogger("measure_customizability")
RECALL_AT = (1, 10)
RESAMPLES = 2000
PICTURE_ROWS = 6  # exemplars shown of each case


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="manifests of customized models")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of the same cases")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file that names the distractors")
    parser.add_argument("--drawings", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, required=True, help="templates with {subject}, one a line")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of figures")
    parser.add_argument("--picture", type=Path, required=True, help="PNG file of exemplars and samples")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_settings()
    args = parser.parse_args()
    settings, prompts = args.settings, read_lines(args.prompts)

    drawings = artifacts.read_table(args.drawings).set_index("id", drop=False)
    names = artifacts.read_table(args.distractors, ["id"]).id
    load = plugins.load("base_models", settings["base_model"]["name"]).load
    base = load(args.base_model, devices.set_up(args.threads), settings["sampling"]["precision"])
    distractors = _decode([exemplar_of(drawings.loc[name], settings["seed"])["image"] for name in names])
    folders = {artifacts.read_json(manifest)["case"]: manifest.parent for manifest in args.models}
    encoders = {
        name: plugins.load("encoders", name).load(plugins.settings("encoders", name, section))
        for name, section in settings["encoders"].items()
        if plugins.reads(name) == "image"
    }
    known = {name: _embed(encoder, distractors) for name, encoder in encoders.items()}
    result, picture = {}, []
    for parquet in args.exemplars:
        table = artifacts.read_table(parquet, ["model", "split", "class_word", "image"])
        table = table[table.split == "test"].reset_index(drop=True)
        exemplars = _decode(table.image)  # [e, h, w, 3]
        planned = [
            sample
            for model, word in zip(table.model, table.class_word, strict=True)
            for sample in plan_samples(model, "plain", fill_in(prompts, word), 1, settings["seed"])
        ]
        drawn = list(draw(base, folders[parquet.stem], planned, settings))
        lost = [sample.model for sample, image in zip(planned, drawn, strict=True) if image is None]
        if lost:
            raise ValueError(f"{folders[parquet.stem]}: samples of {lost[0]} have pixels that are not finite")
        samples = np.stack(drawn)
        result[parquet.stem] = {
            name: _recall(_embed(encoder, samples), _embed(encoder, exemplars), known[name], planned, settings)
            for name, encoder in encoders.items()
        }
        log.info("%s: %s", parquet.stem, result[parquet.stem])
        shown = sorted(range(len(table)), key=lambda row, names=table.model: derive_seed("picture", names[row]))
        by_model = samples.reshape(len(table), len(prompts), *samples.shape[1:])
        picture += [np.concatenate([exemplars[row], *by_model[row]], axis=1) for row in shown[:PICTURE_ROWS]]
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(picture)).quantize(256).save(args.picture)  # half the bytes
    inputs = {"base_model": args.base_model, "drawings": args.drawings, "distractors": args.distractors}
    provenance = artifacts.make_provenance({**settings, "prompts": prompts}, inputs)
    artifacts.write_json(args.output, {"cases": result, artifacts.PROVENANCE: provenance}, sidecar=False)


def _decode(images: Sequence[bytes]) -> np.ndarray:
    return np.stack([artifacts.decode_image(data, f"image {i}") for i, data in enumerate(images)])


def _embed(encoder: Encoder, images: np.ndarray) -> np.ndarray:
    return normalize(encode_images(encoder, images))


def _recall(
    queries: np.ndarray, exemplars: np.ndarray, distractors: np.ndarray, samples: Sequence[Sample], settings: dict
) -> dict[str, Any]:
    """Recall@1 and @10 of each sample's exemplar among all exemplars and distractors."""
    models = [sample.model for sample in samples]
    own = np.repeat(np.arange(len(exemplars)), len(samples) // len(exemplars))  # the exemplar of each query
    scores = queries @ exemplars.T  # [q, e]
    rivals = scores >= scores[np.arange(len(queries)), own, None]
    rivals[np.arange(len(queries)), own] = False
    ranks = rank(queries, distractors, exemplars, own[:, None], top_k=1).ranks[:, 0] + rivals.sum(1)
    sizes = {"models": len(exemplars), "queries": len(queries), "candidates": len(distractors) + len(exemplars)}
    hits = {f"recall@{k}": (ranks <= k).astype(float) for k in RECALL_AT}
    recall = mean_intervals(hits, models, RESAMPLES, settings["seed"], "recall")
    return sizes | {name: interval.as_dict() for name, interval in recall.items()}


if __name__ == "__main__":
    cli.run(main)
