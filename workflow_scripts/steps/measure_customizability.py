"""Measures how well customized models have learned their exemplars: whether untuned features find them from samples.

Each val exemplar is ranked among the others of its case and the distractors' drawings, all of them on white as
exemplars are. Writes Recall@1 and @10 by case and encoder, and a picture of exemplars beside their samples.

Example:
    python -m workflow_scripts.steps.measure_customizability --base-model data/base_model \\
        --models results/miniature/models/emoji_seen/val_0000.json \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --distractors results/miniature/exemplars/distractors.parquet --drawings data/corpus/drawings.parquet \\
        --prompts config/prompts/customizability.txt --output docs/customizability.json \\
        --picture docs/customized.png --settings '{"seed": 0, "encoders": {"pixels": {"size": 16, "version": 1}}, ...}'
"""

import numpy as np

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.miniature import customizability
from workflow_scripts.study.settings.measures import MeasureCustomizabilitySettings
from workflow_scripts.study.study import read_lines


@cli.command_line(
    MeasureCustomizabilitySettings,
    base_model=cli.file(),
    models=cli.files("manifests of customized models"),
    exemplars=cli.files("parquet files of the same cases"),
    distractors=cli.file("parquet file that names the distractors"),
    drawings=cli.file(),
    prompts=cli.file("templates with {subject}, one a line"),
    output=cli.file("JSON file of figures"),
    picture=cli.file("PNG file of exemplars and samples"),
)
def main(args: cli.Args, settings: MeasureCustomizabilitySettings) -> None:
    prompts = read_lines(args.prompts)
    inputs = {"base_model": args.base_model, "drawings": args.drawings, "distractors": args.distractors}
    inputs |= {str(file): file for file in (*args.models, *args.exemplars)}
    provenance = artifacts.make_provenance({**settings.to_json(), "prompts": prompts}, inputs)
    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(args.base_model, devices.set_up(), settings.sampling.precision)
    encoders = customizability.load_encoders(settings.encoders)
    drawings = artifacts.read_table(args.drawings).set_index("id", drop=False)
    names = artifacts.read_table(args.distractors, ["id"]).id
    distractors = customizability.embed_distractors(drawings.loc[names], encoders, settings.seed)
    folders = {artifacts.read_json(manifest)["case"]: manifest.parent for manifest in args.models}
    cases, picture = {}, []
    for parquet in args.exemplars:
        table = customizability.read_exemplars(parquet)
        exemplars = customizability.decode(table.image)  # [e, h, w, 3]
        samples, images = customizability.sample_plain(base, folders[parquet.stem], table, prompts, settings)
        figures = customizability.recall(encoders, samples, images, exemplars, distractors, settings.seed)
        cli.log.info("%s: %s", parquet.stem, figures)
        cases[parquet.stem] = figures
        picture += customizability.picture_rows(exemplars, images, table.model)
    artifacts.write_png(args.picture, np.concatenate(picture), colours=256)
    artifacts.write_json(args.output, {"cases": cases, artifacts.PROVENANCE: provenance}, sidecar=False)
