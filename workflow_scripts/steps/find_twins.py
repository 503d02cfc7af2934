"""Finds the drawings of the corpus that an embedding takes for the same picture, whoever drew them.

Example:
    python -m workflow_scripts.steps.find_twins --drawings build/corpus/drawings.parquet \\
        --output build/corpus/twins.parquet --settings '{"cosine": 0.95, "seed": 0}'
"""

from workflow_scripts import artifacts, cli, devices
from workflow_scripts.miniature.corpus import twins


@cli.command_line(dict, drawings=cli.file("the corpus"), output=cli.file("parquet file of pairs to write"))
def main(args: cli.Args, settings: dict) -> None:
    devices.set_up()
    drawings = artifacts.read_table(args.drawings)
    pairs = twins.find_pairs(drawings["id"].to_numpy(object), twins.embed(drawings), settings["cosine"])
    provenance = artifacts.make_provenance(settings, {"drawings": args.drawings})
    artifacts.write_table(args.output, pairs, provenance, sidecar=False)
    cli.log.info("%d pairs of %d drawings", len(pairs), len(drawings))
