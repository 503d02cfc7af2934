"""Does calibration bring influence nearer to the truth? The parameters that are fitted on val."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import page
from workflow_scripts.reporting.findings import Finding, tally
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import clearly, main_rows

TITLE = "Does calibration bring influence nearer to the truth?"
TEXT = (
    "tau and lambda are fitted on val for each encoder and head, and for the untuned features. The fit minimizes the "
    "divergence KL(S || P) of the given influence P from the truth S, in nats. Before the fit tau is 1, lambda is 0. "
    "On val the fit cannot but lower it. The finding is about test samples, and compares the fit with what needs none: "
    "for each sample the nearer one to the truth of tau = 1, lambda = 0, and the same influence for all candidates."
)
NAMES = ("training_set",)
FIGURE = False


def rows(results: Results) -> pd.DataFrame:
    return results.calibrations


def columns(rows: pd.DataFrame) -> page.Columns:
    """The page's columns, in place of those of ranks."""
    shown = {"tau": "tau", "lambda": "lambda", "kl_before": "KL before", "kl_after": "KL after"}
    return {heading: page.decimals(name) for name, heading in shown.items()} | {"Samples of val": page.count("n")}


def findings(results: Results) -> Iterator[Finding]:
    """On test samples, for on val the fit cannot but come nearer."""
    table = main_rows(whole_cells(results.default()))
    falls = clearly(table[table["encoder"].isin(results.shown.encoders)], "divergence_fall").dropna()
    if len(falls):
        counted = tally(falls)
        evidence = f"{counted}: by the divergence on test samples, for each head of the default training set."
        claim = "Fitting tau and lambda brings influence nearer to the truth on test samples than what needs no fit."
        yield Finding(claim, counted.verdict, evidence, results.shown.method)
