"""The settings of the rules of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from workflow_scripts.study.settings.base import Record, Settings, image_encoders
from workflow_scripts.study.settings.evaluation import Evaluation
from workflow_scripts.study.study import UNTUNED, Study

RECALL_AT = 10  # the paper's K: sentences of the report are about it if the study measures it


@dataclass(frozen=True)
class Shown(Record):
    """The study's plug-ins as the report sees them. Tables and figures hold all; comparisons need a choice."""

    methods: tuple[str, ...]
    encoders: tuple[str, ...]  # those that look at images and have the head, over which sentences average
    head: str | None  # the learned head that is compared with the untuned features; None if the study learns none
    training_set: str  # that of the learned head
    untuned_set: str  # the training set that calibrates the untuned features
    one_kind: Mapping[str, str]  # `object` or `style` by training set, of those that hold cases of one kind only
    recall_at: int  # the K of the Recall@K that sentences are about

    @classmethod
    def of(cls, study: Study) -> Self:
        learned = [(head, name) for head, name in study.fitted if head != UNTUNED]
        head, training_set = learned[0] if learned else (None, study.untuned_set)
        kinds = {name: {study.cases[case].kind for case in own.cases} for name, own in study.training_sets.items()}
        recall_at = study.sections["evaluation"]["recall_at"]
        return cls(
            methods=tuple(study.sections["methods"]),
            encoders=tuple(name for name in image_encoders(study) if name in study.encoders_of(head or UNTUNED)),
            head=head,
            training_set=training_set,
            untuned_set=study.untuned_set,
            one_kind={name: min(kind) for name, kind in kinds.items() if len(kind) == 1},
            recall_at=RECALL_AT if RECALL_AT in recall_at else max(recall_at),
        )

    @property
    def method(self) -> str:
        """The method that sentences are about, unless they name another."""
        return self.methods[0]

    @property
    def recall(self) -> str:
        """The column of the measure that sentences are about."""
        return f"recall@{self.recall_at}"


def seen(study: Study) -> tuple[str, ...]:
    """The cases on whose other models the report's learned head is trained."""
    return study.training_sets[Shown.of(study).training_set].cases


def summarized(study: Study) -> list[str]:
    """The heads of which there is a summary: the untuned features, and the learned ones of the shown training set."""
    heads = study.training_sets[Shown.of(study).training_set].heads
    return list(dict.fromkeys([UNTUNED, *heads]))


@dataclass(frozen=True)
class Labels(Record):
    """What each row of the table says about its origin."""

    data: str  # whose data
    weights: str  # whose base model


@dataclass(frozen=True)
class ReportSettings(Settings):
    """What the report is about."""

    study: str  # name of the study
    seen: tuple[str, ...]  # cases on whose other models heads learn
    shown: Shown
    evaluation: Evaluation
    report: Labels

    @classmethod
    def of(cls, study: Study) -> Self:
        sections = Evaluation(**study.sections["evaluation"]), Labels(**study.sections["report"])
        return cls(study.name, seen(study), Shown.of(study), *sections)


@dataclass(frozen=True)
class TabulateSettings(ReportSettings, rules=["tabulate"]):
    """What the tables are about."""

    inputs: ClassVar = {"metrics": "{path}", "calibrations": "{path}"}


@dataclass(frozen=True)
class PlotSettings(ReportSettings, rules=["plot"]):
    """What the figures are about."""

    inputs: ClassVar = {"table": "{path}", "metrics": "{path}", "histories": "{path}"}


@dataclass(frozen=True)
class IndexSettings(ReportSettings, rules=["index"]):
    """What the front page is about."""

    inputs: ClassVar = dict.fromkeys(
        ["table", "tables", "figures", "exemplars", "gallery", "rulegraph", "attribution"], "{path}"
    )


@dataclass(frozen=True)
class PublishSettings(ReportSettings, rules=["publish"]):
    """What the README says of the results."""

    inputs: ClassVar = dict.fromkeys(
        ["table", "calibrations", "exemplars", "quality", "customizability", "gates", "samples"], "{path}"
    )


@dataclass(frozen=True)
class GallerySettings(Settings, rules=["gallery"]):
    """What the page of pictures shows. See `Shown` for the fields that it shares."""

    study: str  # name of the study
    seed: int  # of the study
    methods: tuple[str, ...]
    encoders: tuple[str, ...]
    head: str | None
    training_set: str
    random: int  # samples drawn at random
    chosen: int  # samples chosen by rule

    inputs: ClassVar = dict.fromkeys(
        ["exemplars", "distractors", "models", "sample_manifests", "untuned", "tuned"], "{path}"
    )

    @classmethod
    def of(cls, study: Study) -> Self:
        shown = Shown.of(study)
        names = shown.methods, shown.encoders, shown.head, shown.training_set
        return cls(study.name, study.seed, *names, **study.sections["gallery"])


@dataclass(frozen=True)
class DatasetRow(Record):
    """The size of a case and split."""

    kind: str
    case: str
    split: str
    classes: int | None  # of objects; None for styles
    models: int
    prompts: Mapping[str, int]  # their number by prompt set
    exemplars: int | None  # one of each object model; of styles what the study says, None if it does not

    @classmethod
    def of(cls, study: Study, name: str, split: str) -> Self:
        case, models = study.cases[name], len(study.cases[name].models[split])
        prompts = {prompt_set: lines.count for prompt_set, lines in study.prompts_of(name).templates[split].items()}
        if case.kind == "object":
            return cls(case.kind, name, split, len(case.members[split]), models, prompts, models)
        groups = study.sections["cases"][name]["groups"][split]
        exemplars = groups.get("exemplars") if isinstance(groups, Mapping) else None
        return cls(case.kind, name, split, None, models, prompts, exemplars)


@dataclass(frozen=True)
class DatasetTableSettings(Settings, rules=["dataset_table"]):
    """What a study is made of, in order."""

    rows: tuple[DatasetRow, ...]
    samples_per_prompt: int

    inputs: ClassVar = {"exemplars": "{path}"}

    @classmethod
    def of(cls, study: Study) -> Self:
        pairs = [(name, split) for name, case in study.cases.items() for split in case.splits]
        return cls(tuple(DatasetRow.of(study, *pair) for pair in pairs), study.samples_per_prompt)


@dataclass(frozen=True)
class RulegraphSettings(Settings, rules=["rulegraph"]):
    """Whose rules are drawn."""

    study: str  # name of the study

    inputs: ClassVar = {"snakefile": "{stem}", "rules": "{stem}"}

    @classmethod
    def of(cls, study: Study) -> Self:
        return cls(study.name)
