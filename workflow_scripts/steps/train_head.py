"""Fits a head on the exemplars and samples of a training set, and selects it on the split `val`.

Takes the samples of every prompt set, and of the train models the share that the training set names. The history gives
loss and mAP on train and val per epoch; epoch 0 is the head before learning.
"""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli, plugins, seeds
from workflow_scripts.evaluation.features import read_images
from workflow_scripts.evaluation.pairs import make_pairs
from workflow_scripts.study.settings.evaluation import TrainHeadSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of the cases")
    parser.add_argument("--exemplar-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="shards of train and val")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--output", type=Path, required=True, help="head, safetensors")
    parser.add_argument("--history", type=Path, required=True, help="csv: temperature, epoch, loss, train_mAP, val_mAP")
    parser.add_settings(TrainHeadSettings)
    args = parser.parse_args()

    settings: TrainHeadSettings = args.settings
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    images = read_images(exemplars, samples, None, settings.encoder)
    train, val = make_pairs(images, "train", settings.share), make_pairs(images, "val")
    seed = seeds.derive_seed(settings.seed, settings.encoder, settings.head, settings.training_set)
    options = plugins.settings("heads", settings.head, settings.options)
    tensors, history = plugins.load("heads", settings.head).fit(train, val, options, seed)

    inputs = settings.made_from(**vars(args))
    provenance = artifacts.make_provenance(settings.to_json(), inputs)
    artifacts.write_csv(args.history, pd.DataFrame(history))
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
