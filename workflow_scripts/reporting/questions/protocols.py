"""What if all other exemplars are candidates too? The paper's protocol beside a stricter one."""

import pandas as pd

from workflow_scripts.reporting.questions import _views
from workflow_scripts.reporting.results import Results

TITLE = "What if all other exemplars are candidates too?"
TEXT = (
    "The paper's protocol (view all) beside a stricter one (view others), in which the exemplars of all other models "
    "are candidates. The same image and its near-duplicates are not."
)
NAMES = ("view",)


def rows(results: Results) -> pd.DataFrame:
    return results.views("all", "others")


def figure(results: Results) -> str:
    return _views.figure(rows(results), "protocols")


def caption(results: Results) -> str:
    return _views.caption(results, "all", "others")
