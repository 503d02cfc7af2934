"""Does tuning find the exemplar again? The paper's main table."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, judge, tally_gains
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import main_rows

TITLE = "Does tuning find the exemplar again?"
TEXT = (
    "Untuned features and every head of the default training set, by the paper's protocol: a test sample's candidates "
    "are all distractors and its own model's exemplars. The numbers of a random ranking are expectations."
)
NAMES = ()
CLAIMS = {  # by kind, and whether heads are trained on other models of the case
    ("object", True): "Tuning helps on new exemplars of classes it has seen.",
    ("object", False): "Tuning helps on classes that no head has seen.",
    ("style", True): "Tuning helps on styles of families it has seen.",
    ("style", False): "Tuning helps on styles that no head has seen.",
}


def rows(results: Results) -> pd.DataFrame:
    return main_rows(whole_cells(results.default()))


def figure(results: Results) -> str:
    return figures.bars(rows(results), results.shown.recall, "tuning", figures.palette(results.table), "head")


def caption(results: Results) -> str:
    name = results.shown.recall
    text = f"{name.capitalize()} of each cell and encoder, with 95 % intervals over models."
    table = results.compared()
    if table.empty:
        return text
    tally = tally_gains(table)
    return (
        f"{text} A star marks a clear gain in mAP over the encoder. The {results.shown.head} head has one in "
        f"{tally.better} of {tally.total} comparisons."
    )


def findings(results: Results) -> Iterator[Finding]:
    table = results.compared()
    for (kind, seen), claim in CLAIMS.items():
        yield from judge(claim, table[(table["kind"] == kind) & (table["seen"] == seen)], results)
