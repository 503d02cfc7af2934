"""The settings of the rules of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from workflow_scripts.study.settings.base import Record, Settings, image_encoders
from workflow_scripts.study.settings.evaluation import Evaluation
from workflow_scripts.study.study import UNTUNED, Study

RECALL_AT = 10  # the paper's K: sentences of the report are about it if the study measures it


@dataclass(frozen=True)
class Shown(Record):
    """The study's plug-ins as the report sees them. Tables and figures hold all; comparisons need a choice.

    Attributes:
        methods: all; sentences that name none are about the first.
        encoders: those that look at images, over which sentences average.
        head: the learned head that is compared with the untuned features; None if the study learns none.
        training_set: that of the learned head.
        untuned_set: the training set that calibrates the untuned features.
        one_kind: `object` or `style` by training set, of those that hold cases of one kind only.
        recall_at: the K of the Recall@K that sentences are about.
    """

    methods: tuple[str, ...]
    encoders: tuple[str, ...]
    head: str | None
    training_set: str
    untuned_set: str
    one_kind: Mapping[str, str]
    recall_at: int

    @classmethod
    def of(cls, study: Study) -> Self:
        learned = [(head, name) for head, name in study.fitted if head != UNTUNED]
        head, training_set = learned[0] if learned else (None, study.untuned_set)
        kinds = {name: {study.cases[case].kind for case in own.cases} for name, own in study.training_sets.items()}
        recall_at = study.sections["evaluation"]["recall_at"]
        return cls(
            methods=tuple(study.sections["methods"]),
            encoders=tuple(image_encoders(study)),
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
    """What each row of the table says about its origin: whose data, and whose base model."""

    data: str
    weights: str


@dataclass(frozen=True)
class ReportSettings(Settings, rules=["tabulate", "plot", "index", "publish"]):
    """What the report is about; `seen` are the cases on whose other models heads learn."""

    study: str
    seen: tuple[str, ...]
    shown: Shown
    evaluation: Evaluation
    report: Labels

    @classmethod
    def own(cls, study: Study) -> dict[str, Any]:
        return {"seen": seen(study), "shown": Shown.of(study)}


@dataclass(frozen=True)
class GallerySettings(Settings, rules=["gallery"]):
    """What the page of pictures shows, see `Shown`: numbers of samples drawn at random, and chosen by rule."""

    study: str
    seed: int
    methods: tuple[str, ...]
    encoders: tuple[str, ...]
    head: str | None
    training_set: str
    random: int
    chosen: int

    @classmethod
    def own(cls, study: Study) -> dict[str, Any]:
        shown = Shown.of(study)
        names = {name: getattr(shown, name) for name in ("methods", "encoders", "head", "training_set")}
        return {**names, **study.sections["gallery"]}


@dataclass(frozen=True)
class DatasetRow(Record):
    """The size of a case and split.

    Attributes:
        prompts: their number by prompt set.
        exemplars: how many there will be, if that is known: one of each object model; of styles what the study says.
    """

    kind: str
    case: str
    split: str
    models: int
    prompts: Mapping[str, int]
    exemplars: int | None

    @classmethod
    def of(cls, study: Study, name: str, split: str) -> Self:
        case, models = study.cases[name], len(study.cases[name].models[split])
        prompts = {prompt_set: lines.count for prompt_set, lines in study.prompts_of(name).templates[split].items()}
        exemplars = models
        if case.kind == "style":
            groups = study.sections["cases"][name]["groups"][split]
            exemplars = groups.get("exemplars") if isinstance(groups, Mapping) else None
        return cls(case.kind, name, split, models, prompts, exemplars)


@dataclass(frozen=True)
class DatasetTableSettings(Settings, rules=["dataset_table"]):
    """What a study is made of, in order."""

    rows: tuple[DatasetRow, ...]
    samples_per_prompt: int

    @classmethod
    def own(cls, study: Study) -> dict[str, Any]:
        pairs = [(name, split) for name, case in study.cases.items() for split in case.splits]
        return {"rows": tuple(DatasetRow.of(study, *pair) for pair in pairs)}
