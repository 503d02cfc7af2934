"""The settings of each rule: the part of the study that its job needs and nothing else, so that only it reruns the job.

A class for each rule, in a module for each phase; `base.py` says what they share.
"""

from workflow_scripts.study.settings import evaluation, exemplars, ground_truth, measures, release, report  # noqa: F401
from workflow_scripts.study.settings.base import TYPES, Settings
from workflow_scripts.study.settings.ground_truth import ShardSettings
from workflow_scripts.study.study import Study

__all__ = ["TYPES", "Settings", "ShardSettings", "make"]


def make(rule: str, study: Study, **wildcards: str) -> Settings:
    """The settings of a job."""
    return TYPES[rule].of(study, **wildcards)
