"""The samples of a shard from the authors' released test set, as step sample would have left its own.

Images keep their bytes; each is decoded once, so that none is taken that cannot be read. Files that are there already,
made of the same images, are kept. The manifest comes last, and lists the samples that are missing.

Example:
    python -m workflow_scripts.steps.import_samples --release data/abc_release \\
        --output results/abc_release/samples/bamfg/test_0000.json --settings '{"case": "bamfg", ...}'
"""

from functools import partial

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.release import entries, samples
from workflow_scripts.study.settings.release import ImportSamplesSettings


@cli.command_line(
    ImportSamplesSettings,
    release=cli.file("folder that holds dataset/"),
    output=cli.file("manifest to write; the samples go beside it"),
)
def main(args: cli.Args, settings: ImportSamplesSettings) -> None:
    write = partial(samples.write, args.release, args.output)
    models = entries.read_models(args.release, settings.case, settings.models)
    missing = samples.missing_samples(args.release, models)
    parts = samples.parts(args.release, settings, models, missing)
    shards.make(args.output, settings, parts, write, {"missing": missing})
