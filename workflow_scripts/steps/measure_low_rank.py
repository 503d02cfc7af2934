"""Measures what compressing customized models costs: size, rank, error of the weights, and how much samples change.

Example:
    python -m workflow_scripts.steps.measure_low_rank --base-model data/base_model \\
        --models results/miniature/models/emoji_unseen/test_0000.json --output docs/low_rank.json \\
        --page docs/low_rank.md --settings '{"study": "miniature", "seed": 0, "encoder": {"name": "pixels", ...}, ...}'
"""

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.ground_truth import compression
from workflow_scripts.ground_truth.samples import plan_samples
from workflow_scripts.study.settings.ground_truth import fill_in
from workflow_scripts.study.settings.measures import MeasureLowRankSettings


@cli.command_line(
    MeasureLowRankSettings,
    base_model=cli.file("folder of the base model"),
    models=cli.files("manifests of customized models"),
    output=cli.file("JSON file of figures"),
    page=cli.file("Markdown file with a table of them"),
)
def main(args: cli.Args, settings: MeasureLowRankSettings) -> None:
    folders = {artifacts.read_json(manifest)["case"]: manifest.parent for manifest in args.models}
    models, pairs = {}, []
    for model in settings.models:
        name = f"{model.case}.{model.model}"  # cases may share a name
        models[name] = folders[model.case] / f"{model.model}.safetensors"
        prompts = fill_in(model.prompts, model.class_word)
        planned = plan_samples(name, "low_rank", prompts, 2, settings.seed)
        pairs += zip(planned[::2], planned[1::2], strict=True)

    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(args.base_model, devices.set_up(), settings.sampling.precision)
    name = settings.encoder.name
    encoder = plugins.load("encoders", name).load(plugins.settings("encoders", name, settings.encoder.settings))
    costs = compression.compare(base, models, pairs, encoder, settings)
    page = compression.to_markdown(costs, len(models), len(pairs) // len(models), settings.study, name)
    artifacts.write_text(args.page, page, sidecar=False)
    inputs = {"base_model": args.base_model, **{str(file): file for file in args.models}}
    provenance = artifacts.make_provenance(settings.to_json(), inputs)
    artifacts.write_json(args.output, {**costs, artifacts.PROVENANCE: provenance}, sidecar=False)
