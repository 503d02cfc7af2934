"""What if all other exemplars are candidates too? The paper's protocol beside a stricter one."""

from workflow_scripts.reporting.questions import _views

TITLE = "What if all other exemplars are candidates too?"
TEXT = (
    "The paper's protocol (view all) beside a stricter one (view others), in which the exemplars of all other models "
    "are candidates, too, except for the same image and its near-duplicates."
)
NAMES = ("view",)
rows, figure, caption = _views.compare("protocols", "all", "others")
