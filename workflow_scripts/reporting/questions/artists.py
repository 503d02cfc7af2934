"""Does the base model's knowledge of an artist matter? Exemplars by artists it has seen, and by others."""

from workflow_scripts.reporting.questions import _views

TITLE = "Does the base model's knowledge of an artist matter?"
TEXT = (
    "No exemplar was part of any pre-training. The base model has seen other works by the artists of known exemplars, "
    "but no works by the artists of new ones. Neither it nor a head has seen a near-duplicate of twin-free exemplars."
)
NAMES = ("view",)
rows, figure, caption = _views.compare("artists", "known", "new", "twin-free")
