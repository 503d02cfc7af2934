"""The settings of each rule: the part of the study that its job needs and nothing else, so that only it reruns the job.

Each function returns a mapping that travels to the step as one canonical JSON object (`--settings`).
"""

from collections.abc import Mapping
from typing import Any

from workflow_scripts import plugins
from workflow_scripts.study.settings import ground_truth, release  # noqa: F401 (they register their rules)
from workflow_scripts.study.settings.base import TYPES, Settings
from workflow_scripts.study.settings.ground_truth import ShardSettings, base_model  # noqa: F401
from workflow_scripts.study.study import UNTUNED, Study

RECALL_AT = 10  # the paper's K: sentences of the report are about it if the study measures it


def type_of(rule: str) -> type[Settings]:
    """The settings of a rule."""
    return TYPES[rule]


def make(rule: str, study: Study, **wildcards: str) -> Settings:
    """The settings of a job."""
    return type_of(rule).of(study, **wildcards)


def exemplars(study: Study, case: str) -> dict[str, Any]:
    """For `select_exemplars`, which makes `Case.from_settings` of it."""
    chosen = study.cases[case]
    return {
        **_names(study, case),
        "source": chosen.source,
        "members": {split: list(chosen.members[split].items()) for split in chosen.splits},
        "models_per_class": dict(chosen.models_per_class),
        "numbered_from": dict(chosen.numbered_from),
        "set_sizes": list(chosen.set_sizes),
        "group_counts": dict(chosen.group_counts),
        **_data(study, study.sections["cases"][case]),
    }


def distractors(study: Study) -> dict[str, Any]:
    """For `select_distractors`."""
    section = study.sections["distractors"]
    chosen = {key: section[key] for key in ("source", "count", "version")}
    return {"study": study.name, "seed": study.seed, **chosen, **_data(study, section)}


def import_exemplars(study: Study, case: str) -> dict[str, Any]:
    """For `import_exemplars`, which makes `Case.from_settings` of it."""
    return {**exemplars(study, case), **_release(study)}


def import_distractors(study: Study) -> dict[str, Any]:
    """For `import_distractors`."""
    return {"study": study.name, "count": study.sections["distractors"]["count"], **_version(study)}


def import_features(study: Study, encoder: str) -> dict[str, Any]:
    """For `import_features`: the encoder whose features they are."""
    return {**embed(study, encoder), "encoder": encoder, **_version(study)}


def import_head(study: Study, encoder: str, head: str, training_set: str) -> dict[str, Any]:
    """For `import_head`."""
    return {"encoder": encoder, "head": head, "training_set": training_set, **_version(study)}


def _release(study: Study) -> dict[str, Any]:
    return {"allow_missing": study.sections.get("allow_missing") in (True, "true"), **_version(study)}


def _version(study: Study) -> dict[str, Any]:
    return {"release": study.sections["release"]["version"]}


def customizability(study: Study) -> dict[str, Any]:
    """For `measure_customizability`."""
    return {
        "seed": study.seed,
        "base_model": base_model(study),
        "sampling": study.sections["sampling"],
        "customization": study.sections["customization"]["name"],
        "encoders": study.sections["encoders"],
    }


def low_rank(study: Study) -> dict[str, Any]:
    """For `measure_low_rank`: test models of each case, the first and the middle one, and two prompts for each."""
    models = []
    for name, case in study.cases.items():
        tested = case.models["test"]
        for model in tested[:: max(1, len(tested) // 2)][:2]:
            prompts = study.prompts_of(name).templates["test"]["llm"].of(model.class_word)[:2]
            names = {"case": name, "model": model.name, "class_word": model.class_word}
            models.append({**names, "prompts": prompts})
    encoder = image_encoders(study)[0]
    return {
        "study": study.name,
        "seed": study.seed,
        "base_model": base_model(study),
        "sampling": study.sections["sampling"],
        "customization": study.sections["customization"]["name"],
        "encoder": {"name": encoder, "settings": study.sections["encoders"][encoder]},
        "models": models,
    }


def embed(study: Study, encoder: str) -> dict[str, Any]:
    """For `embed`: the encoder's own section."""
    return dict(study.sections["encoders"][encoder])


def train_head(study: Study, encoder: str, head: str, training_set: str) -> dict[str, Any]:
    """For `train_head`."""
    names = {"encoder": encoder, "head": head, "training_set": training_set, "seed": study.seed}
    return {**names, "share": study.training_sets[training_set].share, **study.sections["heads"][head]}


def calibrate(study: Study, encoder: str, head: str, training_set: str) -> dict[str, Any]:
    """For `calibrate`."""
    names = {"encoder": encoder, "head": head, "training_set": training_set}
    return {**names, **study.sections["ranking"], **study.sections["calibration"]}


def attribute(study: Study, method: str, **cell: str) -> dict[str, Any]:
    """For `attribute`; `cell` names encoder, head, training set and case."""
    return {"method": method, **cell, **study.sections["ranking"], **study.sections["methods"][method]}


def evaluate(study: Study, training_set: str, **names: str) -> dict[str, Any]:
    """For `evaluate`; `names` are method, encoder and head."""
    cases = {case: {"kind": study.cases[case].kind, "sets": bool(study.cases[case].set_sizes)} for case in study.cases}
    if study.is_released:
        cases = {case: {**about, "expected": _expected_samples(study, case)} for case, about in cases.items()}
    return {
        "training_set": training_set,
        **names,
        "share": study.training_sets[training_set].share,
        "cases": cases,
        "seed": study.seed,
        "evaluation": study.sections["evaluation"],
    }


def _expected_samples(study: Study, case: str) -> dict[str, int]:
    """How many test samples of each prompt set the release has, if it is complete."""
    models = len(study.cases[case].models["test"]) * study.samples_per_prompt
    templates = study.prompts_of(case).templates["test"]
    return {prompt_set: models * listed.count for prompt_set, listed in templates.items()}


def report(study: Study) -> dict[str, Any]:
    """For `tabulate`, `plot`, `index` and `publish`."""
    sections = {name: study.sections[name] for name in ("evaluation", "report")}
    return {"study": study.name, "seen": list(seen(study)), "shown": shown(study), **sections}


def shown(study: Study) -> dict[str, Any]:
    """What the report says in sentences and compares; see `reporting.results.Shown`."""
    learned = [(head, name) for head, name in study.fitted if head != UNTUNED]
    head, training_set = learned[0] if learned else (None, study.untuned_set)
    kinds = {name: {study.cases[case].kind for case in chosen.cases} for name, chosen in study.training_sets.items()}
    recall_at = study.sections["evaluation"]["recall_at"]
    return {
        "methods": list(study.sections["methods"]),
        "encoders": image_encoders(study),
        "head": head,
        "training_set": training_set,
        "untuned_set": study.untuned_set,
        "one_kind": {name: min(kind) for name, kind in kinds.items() if len(kind) == 1},
        "recall_at": RECALL_AT if RECALL_AT in recall_at else max(recall_at),
    }


def seen(study: Study) -> tuple[str, ...]:
    """The cases on whose other models the report's learned head is trained."""
    return study.training_sets[shown(study)["training_set"]].cases


def summarized(study: Study) -> list[str]:
    """The heads of which there is a summary: the untuned features, and the learned ones of the shown training set."""
    heads = study.training_sets[shown(study)["training_set"]].heads
    return list(dict.fromkeys([UNTUNED, *heads]))


def gallery(study: Study) -> dict[str, Any]:
    """For `gallery`."""
    names = {name: shown(study)[name] for name in ("methods", "encoders", "head", "training_set")}
    return {"study": study.name, "seed": study.seed, **names, **study.sections["gallery"]}


def image_encoders(study: Study) -> list[str]:
    """The encoders that look at images: the gallery shows every one, and sentences average over them."""
    return [name for name in study.sections["encoders"] if plugins.reads(name) == "image"]


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


def _data(study: Study, section: Mapping[str, Any]) -> dict[str, Any]:
    """Version of what a source chooses from: the corpus, or the data at its own path."""
    return {"data": section.get("version", 1)} if "path" in section else {"corpus": study.sections["corpus"]["version"]}


def _names(study: Study, case: str) -> dict[str, Any]:
    return {"study": study.name, "seed": study.seed, "case": case, "kind": study.cases[case].kind}
