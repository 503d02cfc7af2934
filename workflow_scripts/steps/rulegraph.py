"""Draws the graph of rules as SVG: Snakemake describes it, and pygraphviz's Graphviz lays it out."""

import os
import subprocess
import sys
from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.study.settings.report import RulegraphSettings


def describe(snakefile: Path, study: str) -> str:
    """The rules of a study and their dependencies, in DOT."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--rulegraph", "dot", "--nolock"]
    ordered = {**os.environ, "PYTHONHASHSEED": "0"}  # Snakemake numbers rules in the order of a set
    done = subprocess.run([*command, "--config", f"study={study}"], capture_output=True, text=True, env=ordered)
    if done.returncode:
        raise ValueError(f"{snakefile}: snakemake --rulegraph failed: {done.stderr.strip()}")
    return done.stdout


def draw(graph: str) -> str:
    """Lays out a graph in DOT and returns SVG."""
    import pygraphviz

    return pygraphviz.AGraph(string=graph).draw(format="svg", prog="dot").decode()


@cli.command_line(
    RulegraphSettings,
    snakefile=cli.file("the workflow's Snakefile"),
    rules=cli.files("the files that it includes"),
    output=cli.file("SVG file to write"),
    provenance=cli.file("JSON file to write: what it was made with"),
)
def main(args: cli.Args, settings: RulegraphSettings) -> None:
    artifacts.write_text(args.output, draw(describe(args.snakefile, settings.study)))
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})
