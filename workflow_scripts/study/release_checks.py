"""Checks a study that evaluates the authors' release."""

from collections.abc import Iterator, Mapping
from typing import Any

from workflow_scripts.study.study import is_released, splits_of

HEADS = ("identity", "linear")  # what was released
MADE = ("base_model", "customization", "regularization", "sampling")


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Every problem, one line each: key, value, and what would be valid."""
    if not is_released(config):
        if "allow_missing" in config:
            yield "allow_missing: unknown key for a study without a release"
        return
    for section in MADE:
        if section in config:
            yield f"{section}: unknown key for a study with a release; nothing is fine-tuned or sampled there"
    for case, section in config["cases"].items():
        for split in splits_of(section).keys() - {"test"}:
            yield f"cases.{case}: it has models of split {split!r}, but only those of test were released"
    for split in config["evaluation"]["splits"]:
        if split != "test":
            yield f"evaluation.splits: {split!r}, but only test was released"
    for head in config["heads"]:
        if head not in HEADS:
            yield f"heads.{head}: no such head was released; there are {' and '.join(HEADS)}"
    released = config["release"]["encoders"]
    for encoder in sorted(released.keys() - config["encoders"].keys()):
        yield f"release.encoders.{encoder}: no encoder of the study; encoders: {', '.join(config['encoders'])}"
