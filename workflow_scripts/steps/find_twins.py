"""Finds the drawings of the corpus that an embedding takes for the same picture, whoever drew them.

Example:
    python -m workflow_scripts.steps.find_twins --drawings build/corpus/drawings.parquet \\
        --output build/corpus/twins.parquet --threads 2 --settings '{"cosine": 0.95, "seed": 0}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, devices
from workflow_scripts.miniature.corpus import twins

log = logging.getLogger("find_twins")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--drawings", type=Path, required=True, help="the corpus")
    parser.add_argument("--output", type=Path, required=True, help="parquet file of pairs to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()

    devices.set_up(args.threads)
    drawings = artifacts.read_table(args.drawings)
    pairs = twins.find_pairs(drawings["id"].to_numpy(object), twins.embed(drawings), args.settings["cosine"])
    provenance = artifacts.make_provenance(args.settings, {"drawings": args.drawings})
    artifacts.write_table(args.output, pairs, provenance, sidecar=False)
    log.info("%d pairs of %d drawings", len(pairs), len(drawings))


if __name__ == "__main__":
    cli.run(main)
