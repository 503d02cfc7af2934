"""Scores a head in every cell: Recall@K, mAP and median rank with 95 % intervals over models, beside untuned features.

Reads the ranks that `attribute` wrote for each case and, for a learned head, those of the identity head on the same
queries; for a head that is learned on a share of the train models also those of the head that is learned on all.
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation import cells
from workflow_scripts.study.settings.evaluation import EvaluateSettings
from workflow_scripts.study.study import UNTUNED

HEAD = ("method", "encoder", "head", "training_set")


@cli.command_line(
    EvaluateSettings,
    scores=cli.files("parquet file of each case"),
    untuned=cli.files("the same under the identity head; none for itself", required=False),
    whole=cli.files("the same under the head that is learned on all train models", required=False),
    output=cli.file("JSON file to write"),
)
def main(args: cli.Args, settings: EvaluateSettings) -> None:
    head = {key: getattr(settings, key) for key in HEAD}
    scores = cells.read_scores(args.scores, head)
    same = {"method": head["method"], "encoder": head["encoder"], "head": UNTUNED}
    untuned = cells.read_scores(args.untuned, same) if args.untuned else None
    same = {key: head[key] for key in HEAD[:-1]}
    whole = cells.read_scores(args.whole, same) if args.whole else None
    record = {**head, "share": settings.share, **cells.evaluate(scores, untuned, settings, whole)}
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.output, {**record, "provenance": provenance})
