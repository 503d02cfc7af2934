"""Are hard distractors the difficulty? Recall among distractors of the exemplar's own concept, and among the others."""

from workflow_scripts.reporting.questions import _views
from workflow_scripts.reporting.results import Results

TITLE = "Are hard distractors the difficulty?"
TEXT = (
    "Hard distractors show the exemplar's own concept by other artists, easy ones other concepts. Recall among the "
    "hard ones alone is high where there are few of them: see the candidates in the table."
)
NAMES = ("view",)
rows, figure, _caption = _views.compare("difficulty", "all", "easy", "hard")


def caption(results: Results) -> str:
    hard = results.table.loc[results.table["view"] == "hard", "candidates"].median() - 1
    return f"{_caption(results)} Beside the exemplar stand {hard:.0f} hard distractors in the median."
