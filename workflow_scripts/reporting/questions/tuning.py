"""Does tuning find the exemplar again? The paper's main table."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, judge
from workflow_scripts.reporting.results import Results, whole_cells
from workflow_scripts.reporting.table import main_rows

TITLE = "Does tuning find the exemplar again?"
TEXT = (
    "Untuned features and every head of the default training set, by the paper's protocol: a test sample's candidates "
    "are all distractors and its own model's exemplars. A random ranking must be at chance."
)
NAMES = ()
CLAIMS = {  # by kind, and whether heads are trained on other models of the case
    ("object", True): "Tuning helps on new exemplars of classes it has seen.",
    ("object", False): "It helps on classes it has never seen.",
    ("style", True): "It helps on styles of the families it has seen.",
    ("style", False): "It helps on styles it has never seen.",
}


def rows(results: Results) -> pd.DataFrame:
    return main_rows(whole_cells(results.default()))


def figure(results: Results) -> str:
    return figures.bars(rows(results), results.shown.recall, "tuning", "head")


def caption(results: Results) -> str:
    name = results.shown.recall
    text = f"{name.capitalize()} of each cell and encoder, with 95 % intervals over models."
    table = results.compared()
    if table.empty:
        return text
    higher = (table[f"{name}_gain"] > 0).sum()
    return f"{text} The {results.shown.head} head has the higher bar in {higher} of {len(table)} pairs."


def findings(results: Results) -> Iterator[Finding]:
    table = results.compared()
    for (kind, seen), claim in CLAIMS.items():
        yield from judge(claim, table[(table["kind"] == kind) & (table["seen"] == seen)], results)
