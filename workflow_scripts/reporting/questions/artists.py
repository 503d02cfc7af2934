"""Does the base model's knowledge of an artist matter? Exemplars by artists it has seen, and by others."""

import pandas as pd

from workflow_scripts.reporting.questions import _views
from workflow_scripts.reporting.results import Results

TITLE = "Does the base model's knowledge of an artist matter?"
TEXT = (
    "No exemplar was seen in any pre-training. Known exemplars are by artists of whom other drawings were, new ones by "
    "artists of whom none was; of twin-free ones neither the base model nor a head saw a near-duplicate."
)
NAMES = ("view",)


def rows(results: Results) -> pd.DataFrame:
    return results.views("known", "new", "twin-free")


def figure(results: Results) -> str:
    return _views.figure(rows(results), "artists")


def caption(results: Results) -> str:
    return _views.caption(results, "known", "new")
