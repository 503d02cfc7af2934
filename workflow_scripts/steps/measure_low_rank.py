"""Measures what compressing customized models costs: size, rank, error of the weights, and how much samples change.

Example:
    python -m workflow_scripts.steps.measure_low_rank --base-model data/base_model \\
        --models results/miniature/models/emoji_unseen/test_0000.json --output docs/low_rank.json \\
        --page docs/low_rank.md --settings '{"study": "miniature", "seed": 0, "encoder": {"name": "pixels", ...}, ...}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.ground_truth import compression
from workflow_scripts.ground_truth.samples import plan_samples
from workflow_scripts.study.settings.ground_truth import fill_in
from workflow_scripts.study.settings.measures import MeasureLowRankSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="manifests of customized models")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of figures")
    parser.add_argument("--page", type=Path, required=True, help="Markdown file with a table of them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_settings(MeasureLowRankSettings)
    args = parser.parse_args()
    settings: MeasureLowRankSettings = args.settings

    folders = {artifacts.read_json(manifest)["case"]: manifest.parent for manifest in args.models}
    models, pairs = {}, []
    for model in settings.models:
        name = f"{model.case}.{model.model}"  # cases may share a name
        models[name] = folders[model.case] / f"{model.model}.safetensors"
        prompts = fill_in(model.prompts, model.class_word)
        planned = plan_samples(name, "low_rank", prompts, 2, settings.seed)
        pairs += zip(planned[::2], planned[1::2], strict=True)

    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(args.base_model, devices.set_up(args.threads), settings.sampling.precision)
    name = settings.encoder.name
    encoder = plugins.load("encoders", name).load(plugins.settings("encoders", name, settings.encoder.settings))
    costs = compression.compare(base, models, pairs, encoder, settings)
    page = compression.to_markdown(costs, len(models), len(pairs) // len(models), settings.study, name)
    artifacts.write_text(args.page, page, sidecar=False)
    provenance = artifacts.make_provenance(settings.to_json(), {"base_model": args.base_model})
    artifacts.write_json(args.output, {**costs, artifacts.PROVENANCE: provenance}, sidecar=False)


if __name__ == "__main__":
    cli.run(main)
