"""Does calibration bring influence nearer to the truth? The parameters that are fitted on val."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import page
from workflow_scripts.reporting.findings import Finding, Tally
from workflow_scripts.reporting.results import Results

TITLE = "Does calibration bring influence nearer to the truth?"
TEXT = (
    "tau and lambda are fitted on val for each encoder and head, and for the untuned features. The fit minimizes the "
    "divergence KL(S || P) of the given influence P from the truth S, in nats. Before the fit tau is 1 and lambda is 0."
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
    known = results.calibrations.dropna(subset="kl_after")  # a release does not give it
    if len(known):
        better = int((known["kl_after"] < known["kl_before"]).sum())
        tally = Tally(better, len(known) - better, len(known))
        evidence = f"On val the divergence falls for {better} of {len(known)} heads."
        yield Finding("Fitting tau and lambda brings influence nearer to the truth.", tally.verdict, evidence)
