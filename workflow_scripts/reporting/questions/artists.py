"""Does the base model's knowledge of an artist matter? Exemplars by artists it has seen, and by others."""

import pandas as pd

from workflow_scripts.reporting.questions import _views
from workflow_scripts.reporting.results import Results

TITLE = "Does the base model's knowledge of an artist matter?"
TEXT = (
    "No exemplar was part of any pre-training. The base model has seen other works by the artists of known exemplars, "
    "and none by the artists of new ones. Of twin-free exemplars neither it nor a head has seen a near-duplicate."
)
NAMES = ("view",)


def rows(results: Results) -> pd.DataFrame:
    return results.views("known", "new", "twin-free")


def figure(results: Results) -> str:
    return _views.figure(rows(results), "artists")


def caption(results: Results) -> str:
    return _views.caption(results, "known", "new")
