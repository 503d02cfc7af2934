"""What people look at: the table of all numbers, the questions with their tables and figures, the gallery, the page.

A question is one file of `questions/`. Its name is that of its CSV file, of its figure and of its place on the page: a
table if it defines `rows`, a figure if it defines `figure`. The Snakefile needs these names, so nothing is imported.
"""

import ast
import importlib
from pathlib import Path
from types import ModuleType

ORDER = (  # on the page; a question that is not named here follows these
    *("tuning", "training_sets", "difficulty", "protocols", "artists", "set_sizes", "generalisation", "learning_curve"),
    *("reliability", "calibration", "history"),
)
_FUNCTIONS = {
    file.stem: {part.name for part in ast.parse(file.read_text(encoding="utf-8")).body if hasattr(part, "name")}
    for file in sorted((Path(__file__).parent / "questions").glob("[!_]*.py"))
}
QUESTIONS = tuple(sorted(_FUNCTIONS, key=(*ORDER, *sorted(_FUNCTIONS)).index))
TABLES = tuple(name for name in QUESTIONS if "rows" in _FUNCTIONS[name])
FIGURES = tuple(name for name in QUESTIONS if "figure" in _FUNCTIONS[name])


def question(name: str) -> ModuleType:
    """The module of a question; see `questions.Question`."""
    return importlib.import_module(f"workflow_scripts.reporting.questions.{name}")
