"""Scores a head in every cell: Recall@K, mAP and median rank with 95 % intervals over models, beside untuned features.

Reads the ranks that `attribute` wrote for each case and, for a learned head, those of the identity head on the same
queries.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation import cells
from workflow_scripts.study.settings.evaluation import EvaluateSettings

HEAD = ("method", "encoder", "head", "training_set")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="parquet file of each case")
    parser.add_argument("--untuned", type=Path, nargs="*", help="the same under the identity head; none for itself")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_settings(EvaluateSettings)
    args = parser.parse_args()

    settings: EvaluateSettings = args.settings
    head = {key: getattr(settings, key) for key in HEAD}
    scores = cells.read_scores(args.scores, head)
    same = {"method": head["method"], "encoder": head["encoder"], "head": "identity"}
    untuned = cells.read_scores(args.untuned, same) if args.untuned else None
    inputs = settings.made_from(**vars(args))
    artifacts.write_json(
        args.output,
        {
            **head,
            "share": settings.share,
            **cells.evaluate(scores, untuned, settings),
            "provenance": artifacts.make_provenance(settings.to_json(), inputs),
        },
    )


if __name__ == "__main__":
    cli.run(main)
