"""Are hard distractors the difficulty? Recall among distractors of the exemplar's own concept, and among others."""

from workflow_scripts.reporting.questions import _views
from workflow_scripts.reporting.results import Results

TITLE = "Are hard distractors the difficulty?"
TEXT = (
    "Hard distractors show the exemplar's own concept by other artists, easy ones show other concepts. Recall among "
    "the hard ones alone is high if there are few of them: see the number of candidates in the table."
)
NAMES = ("view",)
rows, figure, _caption = _views.compare("difficulty", "all", "easy", "hard")


def caption(results: Results) -> str:
    hard = results.table.loc[results.table["view"] == "hard", "candidates"].median() - 1
    return f"{_caption(results)} The median number of hard distractors is {hard:.0f}."
