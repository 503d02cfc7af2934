"""Gathers the metrics of all heads: one tidy CSV, a Markdown table to read, a CSV per question, a summary per head.

The summaries hold a few numbers of each head of the default training set, for `dvc metrics`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts import artifacts, cli, reporting
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import METHOD, is_random, main_rows, markdown, tabulate, without_empty_gains
from workflow_scripts.study.settings.report import TabulateSettings

DIGITS = 4  # of a share, finer than any interval
FITTED = ["tau", "lambda", "kl_before", "kl_after", "n"]


def tabulate_calibrations(files: list[Path]) -> pd.DataFrame:
    """A row per head: encoder, head, training_set, and the results of step calibrate."""
    records = [artifacts.read_json(file) for file in files]
    rows = [record["provenance"]["settings"] | record for record in records]
    return pd.DataFrame(rows)[[*METHOD[1:], *FITTED]]


def summarize(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each head of the default training set its name, and its measures by case and prompt set.

    `influence_kl` is the divergence from the truth on val after calibration, in nats, if it is known.
    """
    rows = main_rows(whole_cells(results.default())).dropna(subset="mAP")
    fitted = results.calibrations.set_index(METHOD[1:])["kl_after"]
    for names, head in rows[~is_random(rows)].groupby(METHOD, sort=False):
        left = fitted[names[1:]]
        summary: dict[str, Any] = {} if pd.isna(left) else {"influence_kl": round(left, DIGITS)}
        for row in head.to_dict("records"):
            measures = {name: round(row[name], DIGITS) for name in (results.shown.recall, "mAP")}
            summary.setdefault(row["case"], {})[row["prompt_set"]] = measures
        yield ".".join(names[:-1]), summary


@cli.command_line(
    TabulateSettings,
    metrics=cli.files("JSON files of step evaluate"),
    calibrations=cli.files("JSON files of step calibrate"),
    output=cli.file("CSV file to write"),
    markdown=cli.file("Markdown file to write"),
    tables=cli.file("folder for the CSV files of the questions"),
    summary=cli.file("folder for a JSON file of each head"),
    provenance=cli.file("JSON file to write: what the others were made with"),
)
def main(args: cli.Args, settings: TabulateSettings) -> None:
    labels = settings.report.to_json()
    whole = tabulate([artifacts.read_json(file) for file in args.metrics], labels)
    whole["seen"] = whole["case"].isin(settings.seen)  # whether heads learn on other models of the case
    calibrations = tabulate_calibrations(args.calibrations).assign(**labels)
    results = Results.of_table(settings.shown, whole, calibrations=calibrations)
    for name in reporting.TABLES:
        part = without_empty_gains(reporting.question(name).rows(results))
        artifacts.write_csv(args.tables / f"{name}.csv", part, digits=6)
    for name, summary in summarize(results):
        artifacts.write_json(args.summary / f"{name}.json", summary)
    artifacts.write_csv(args.output, whole, digits=6)
    artifacts.write_text(args.markdown, markdown(whole))
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})
