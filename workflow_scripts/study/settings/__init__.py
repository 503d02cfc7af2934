"""The settings of each rule: the part of the study that its job needs and nothing else, so that only it reruns the job.

A class for each rule, in a module for each phase; `base.py` says what they share.
"""

from workflow_scripts.study.settings import evaluation, exemplars, ground_truth, measures, release, report
from workflow_scripts.study.settings.base import TYPES, Settings
from workflow_scripts.study.settings.ground_truth import ShardSettings
from workflow_scripts.study.study import Study

__all__ = ["TYPES", "Settings", "ShardSettings", "make", "type_of"]
MODULES = (evaluation, exemplars, ground_truth, measures, release, report)  # each fills TYPES


def type_of(rule: str) -> type[Settings]:
    """The settings of a rule."""
    return TYPES[rule]


def make(rule: str, study: Study, **wildcards: str) -> Settings:
    """The settings of a job."""
    return type_of(rule).of(study, **wildcards)
