"""What people look at: the table of all numbers, the questions with their tables and figures, the gallery, the page.

A question is one file of `questions/`. Its name is that of its CSV file, of its figure and of its place on the page.
One that has no table says `TABLE = False`, one that has no figure `FIGURE = False`: the Snakefile reads these without
importing the file.
"""

import importlib
from pathlib import Path
from types import ModuleType

from workflow_scripts.cli import read_text

ORDER = (  # on the page; a question that is not named here follows these
    *("tuning", "training_sets", "difficulty", "protocols", "artists", "set_sizes", "generalisation", "learning_curve"),
    *("reliability", "calibration", "history"),
)
_FOLDER = Path(__file__).parent / "questions"
_FILES = {file.stem: read_text(file) for file in sorted(_FOLDER.glob("[!_]*.py"))}
QUESTIONS = tuple(sorted(_FILES, key=(*ORDER, *_FILES).index))
TABLES = tuple(name for name in QUESTIONS if "\nTABLE = False" not in _FILES[name])
FIGURES = tuple(name for name in QUESTIONS if "\nFIGURE = False" not in _FILES[name])


def question(name: str) -> ModuleType:
    """The module of a question; see `questions.Question`."""
    return importlib.import_module(f"workflow_scripts.reporting.questions.{name}")
