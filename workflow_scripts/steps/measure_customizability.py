"""Measures how well customized models have learned their exemplars: whether untuned features find them from samples.

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
from pathlib import Path

import numpy as np

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.miniature import customizability
from workflow_scripts.study.settings.measures import MeasureCustomizabilitySettings
from workflow_scripts.study.study import read_lines

log = logging.getLogger("measure_customizability")


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
    parser.add_settings(MeasureCustomizabilitySettings)
    args = parser.parse_args()
    settings: MeasureCustomizabilitySettings = args.settings
    prompts = read_lines(args.prompts)

    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(args.base_model, devices.set_up(args.threads), settings.sampling.precision)
    encoders = customizability.load_encoders(settings.encoders)
    drawings = artifacts.read_table(args.drawings).set_index("id", drop=False)
    names = artifacts.read_table(args.distractors, ["id"]).id
    distractors = customizability.embed_distractors(drawings.loc[names], encoders, settings.seed)
    folders = {artifacts.read_json(manifest)["case"]: manifest.parent for manifest in args.models}
    cases, picture = {}, []
    for parquet in args.exemplars:
        table = artifacts.read_table(parquet, ["model", "split", "class_word", "image"])
        table = table[table.split == "test"].reset_index(drop=True)
        exemplars = customizability.decode(table.image)  # [e, h, w, 3]
        samples, images = customizability.sample_plain(base, folders[parquet.stem], table, prompts, settings)
        figures = customizability.recall(encoders, samples, images, exemplars, distractors, settings.seed)
        log.info("%s: %s", parquet.stem, figures)
        cases[parquet.stem] = figures
        picture += customizability.picture_rows(exemplars, images, table.model)
    artifacts.write_png(args.picture, np.concatenate(picture), colours=256)
    inputs = {"base_model": args.base_model, "drawings": args.drawings, "distractors": args.distractors}
    provenance = artifacts.make_provenance({**settings.to_json(), "prompts": prompts}, inputs)
    artifacts.write_json(args.output, {"cases": cases, artifacts.PROVENANCE: provenance}, sidecar=False)


if __name__ == "__main__":
    cli.run(main)
