"""Does calibration bring influence nearer to the truth? What is fitted for each encoder and head, on val."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import page
from workflow_scripts.reporting.findings import Finding, Tally
from workflow_scripts.reporting.results import Results

TITLE = "Does calibration bring influence nearer to the truth?"
TEXT = (
    "tau and lambda are fitted on val for each encoder and head, the untuned features among them, by the divergence "
    "KL(S || P) of the given influence P from the truth S, in nats; before the fit tau is 1 and lambda 0."
)
NAMES = ("training_set",)
FIGURE = False


def rows(results: Results) -> pd.DataFrame:
    return results.calibrations


def columns(rows: pd.DataFrame) -> page.Columns:
    """The numbers that the page shows of each head, in place of ranks."""
    shown = {"tau": "tau", "lambda": "lambda", "kl_before": "KL before", "kl_after": "KL after"}
    return {heading: page.decimals(name) for name, heading in shown.items()} | {"Samples of val": page.count("n")}


def findings(results: Results) -> Iterator[Finding]:
    known = results.calibrations.dropna(subset="kl_after")  # of a release it is not
    if len(known):
        better = int((known["kl_after"] < known["kl_before"]).sum())
        tally = Tally(better, len(known) - better, len(known))
        evidence = f"On val the divergence falls for {better} of {len(known)} heads."
        yield Finding("Fitting tau and lambda brings influence nearer to the truth.", tally.verdict, evidence)
