"""Fits a head on the exemplars and samples of a training set, and selects it on the split `val`.

Takes the samples of every prompt set, and of the train models the share that the training set names. The history gives
loss and mAP on train and val per epoch; epoch 0 is the head before learning.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts import artifacts, cli, heads, plugins, seeds
from workflow_scripts.evaluation.features import Exemplars, check_widths, read_exemplars, read_samples


def make_pairs(
    exemplars: Exemplars, samples: pd.DataFrame, features: np.ndarray, split: str, share: float = 1.0
) -> heads.Pairs:
    """Takes the models of one split, or a share of each case's.

    Args:
        samples: a row per sample, with the columns case and model.
        features: of the samples, [n, d].
        share: chosen by a hash of the models' names, so that a smaller share is part of a larger one.

    Raises:
        ValueError: there is no model of this split, or one lacks samples.
    """
    own = exemplars.table[exemplars.table["split"] == split]
    models = [model for _, part in own.groupby("case", sort=False) for model in _first(part, share)]
    if not models:
        raise ValueError(f"split {split!r}: no exemplars; a training set's cases must have models of train and val")
    made = samples.groupby(["case", "model"], sort=False).indices
    for case, model in models:
        if (case, model) not in made:
            raise ValueError(f"{case}: model {model!r} of split {split!r} has no samples")
    rows = exemplars.rows()
    exemplar_rows = [rows[model] for model in models]
    sample_rows = [made[model] for model in models]
    return heads.Pairs(
        exemplars=heads.normalize(exemplars.features[np.concatenate(exemplar_rows)]),
        exemplar_model=np.repeat(np.arange(len(models)), list(map(len, exemplar_rows))),
        samples=heads.normalize(features[np.concatenate(sample_rows)]),
        sample_model=np.repeat(np.arange(len(models)), list(map(len, sample_rows))),
    )


def _first(exemplars: pd.DataFrame, share: float) -> list[tuple[str, str]]:
    """A share of the models of a case, at least one, in the order of its exemplars."""
    models = list(dict.fromkeys(zip(exemplars["case"], exemplars["model"], strict=True)))
    order = sorted(models, key=lambda model: seeds.derive_seed("share", *model))
    chosen = set(order[: max(1, round(share * len(models)))])
    return [model for model in models if model in chosen]


def main() -> None:
    parser = cli.StepParser(__doc__)
    for name, what in {
        "exemplars": "parquet file of each case",
        "exemplar-features": "features of each of them",
        "sample-manifests": "manifests of the shards of train and val",
        "sample-features": "features of each of them",
    }.items():
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=what)
    parser.add_argument("--output", type=Path, required=True, help="head, safetensors")
    parser.add_argument("--history", type=Path, required=True, help="csv: temperature, epoch, loss, train_mAP, val_mAP")
    parser.add_settings()
    args = parser.parse_args()

    encoder, name = args.settings["encoder"], args.settings["head"]
    exemplars = read_exemplars(args.exemplars, args.exemplar_features, encoder)
    samples, features = read_samples(args.sample_manifests, args.sample_features, encoder)
    check_widths({args.exemplar_features[0]: exemplars.features, args.sample_features[0]: features})
    train = make_pairs(exemplars, samples, features, "train", args.settings["share"])
    val = make_pairs(exemplars, samples, features, "val")
    seed = seeds.derive_seed(args.settings["seed"], encoder, name, args.settings["training_set"])
    tensors, history = plugins.load("heads", name).fit(train, val, plugins.settings("heads", name, args.settings), seed)

    files = [*args.exemplar_features, *args.sample_features]
    provenance = artifacts.make_provenance(args.settings, {str(file): file for file in files})
    artifacts.write_text(args.history, pd.DataFrame(history).to_csv(index=False))
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
