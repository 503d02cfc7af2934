"""Fits a head on the exemplars and samples of a training set, and selects it on the split `val`.

Takes the samples of every prompt set, and of the train models the share that the training set names. The history gives
loss and mAP on train and val per epoch; epoch 0 is the head before learning.
"""

import pandas as pd

from workflow_scripts import artifacts, cli, plugins, seeds
from workflow_scripts.evaluation.features import read_images
from workflow_scripts.evaluation.pairs import make_pairs
from workflow_scripts.study.settings.evaluation import TrainHeadSettings


@cli.command_line(
    TrainHeadSettings,
    exemplars=cli.files("parquet files of the cases"),
    exemplar_features=cli.files("their features, in order"),
    sample_manifests=cli.files("shards of train and val"),
    sample_features=cli.files("their features, in order"),
    output=cli.file("head, safetensors"),
    history=cli.file("csv: temperature, epoch, loss, train_mAP, val_mAP"),
)
def main(args: cli.Args, settings: TrainHeadSettings) -> None:
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    images = read_images(exemplars, samples, None, settings.encoder)
    train, val = make_pairs(images, "train", settings.share), make_pairs(images, "val")
    seed = seeds.derive_seed(settings.seed, settings.encoder, settings.head, settings.training_set)
    options = plugins.settings("heads", settings.head, settings.options)
    tensors, history = plugins.load("heads", settings.head).fit(train, val, options, seed)
    artifacts.write_csv(args.history, pd.DataFrame(history))
    artifacts.write_tensors(args.output, tensors, provenance)
