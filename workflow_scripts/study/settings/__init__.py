"""The settings of each rule: the part of the study that its job needs and nothing else, so that only it reruns the job.

Each function returns a mapping that travels to the step as one canonical JSON object (`--settings`).
"""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.study.settings import evaluation, exemplars, ground_truth, measures, release
from workflow_scripts.study.settings.base import TYPES, Settings, image_encoders
from workflow_scripts.study.settings.ground_truth import ShardSettings
from workflow_scripts.study.study import Study

__all__ = ["TYPES", "Settings", "ShardSettings", "image_encoders", "make", "type_of"]
MODULES = (evaluation, exemplars, ground_truth, measures, release)  # each fills TYPES


def type_of(rule: str) -> type[Settings]:
    """The settings of a rule."""
    return TYPES[rule]


def make(rule: str, study: Study, **wildcards: str) -> Settings:
    """The settings of a job."""
    return type_of(rule).of(study, **wildcards)


def report(study: Study) -> dict[str, Any]:
    """For `tabulate`, `plot` and `index`."""
    sections = {name: study.sections[name] for name in ("evaluation", "report")}
    training_set = shown(study)["training_set"]
    seen = list(study.training_sets[training_set].cases)
    return {"study": study.name, "training_set": training_set, "seen": seen, **sections}


def shown(study: Study) -> dict[str, str]:
    """What figures and the gallery show of each encoder: the study's first method, learned head and training set."""
    head = next((name for name in study.sections["heads"] if name != "identity"), "identity")
    return {
        "method": next(iter(study.sections["methods"])),
        "head": head,
        "training_set": next(iter(study.training_sets)),
    }


def gallery(study: Study) -> dict[str, Any]:
    """For `gallery`."""
    names = {"study": study.name, "seed": study.seed, "encoders": image_encoders(study)}
    return {**names, **shown(study), **study.sections["gallery"]}


def dataset_table(study: Study) -> dict[str, Any]:
    """For `dataset_table`: the number of models and prompts of each case and split, in order."""
    rows = [
        {
            "kind": case.kind,
            "case": name_of_case,
            "split": split,
            "models": len(case.models[split]),
            "prompts": {name: listed.count for name, listed in study.prompts_of(name_of_case).templates[split].items()},
            "exemplars": _expected_exemplars(study, name_of_case, split),
        }
        for name_of_case, case in study.cases.items()
        for split in case.splits
    ]
    return {"rows": rows, "samples_per_prompt": study.samples_per_prompt}


def _expected_exemplars(study: Study, case: str, split: str) -> int | None:
    """How many exemplars there will be: one of each object model; of styles what the study says, if it does."""
    chosen = study.cases[case]
    if chosen.kind == "object":
        return len(chosen.models[split])
    groups = study.sections["cases"][case]["groups"][split]
    return groups.get("exemplars") if isinstance(groups, Mapping) else None
