"""Draws the report's figures as SVG, one for each question that has a figure."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli, reporting
from workflow_scripts.reporting.results import Results
from workflow_scripts.reporting.table import METHOD
from workflow_scripts.study.settings.report import PlotSettings


def read_points(metrics: Sequence[Path]) -> pd.DataFrame:
    """The reliability of every head: a row per bin of a cell."""
    records = map(artifacts.read_json, metrics)
    return pd.DataFrame(
        {name: head[name] for name in METHOD} | point for head in records for point in head["reliability"]
    )


def read_histories(files: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """`heads/{encoder}/{head}/{training_set}.history.csv` by encoder, if the head was trained."""
    tables = {file.parent.parent.name: artifacts.read_csv(file) for file in files}
    return {encoder: table for encoder, table in tables.items() if len(table) > 1}


@cli.command_line(
    PlotSettings,
    table=cli.file("CSV file of step tabulate"),
    metrics=cli.files("JSON files of step evaluate"),
    histories=cli.files("CSV files of step train_head, a head's", required=False),
    output_dir=cli.file("folder for the SVG files"),
    provenance=cli.file("JSON file to write: what the others were made with"),
)
def main(args: cli.Args, settings: PlotSettings) -> None:
    data = {"points": read_points(args.metrics), "histories": read_histories(args.histories)}
    results = Results.of_table(settings.shown, artifacts.read_csv(args.table), **data)
    for name in reporting.FIGURES:
        artifacts.write_text(args.output_dir / f"{name}.svg", reporting.question(name).figure(results))
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})
