"""Draws the graph of rules as SVG: Snakemake describes it, and pygraphviz's Graphviz lays it out."""

import os
import subprocess
import sys
from pathlib import Path

from workflow_scripts import artifacts, cli


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
    snakefile=cli.file("the workflow's Snakefile"),
    study=cli.flag("name of the study", required=True),
    output=cli.file("SVG file to write"),
)
def main(args: cli.Args) -> None:
    artifacts.write_text(args.output, draw(describe(args.snakefile, args.study)))
