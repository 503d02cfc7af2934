"""The settings of the rules that choose real images: exemplars and distractors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from msgspec import UNSET, UnsetType

from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.study import Case, Study


@dataclass(frozen=True, kw_only=True)
class FromData(Settings):
    """What images are chosen from: the corpus, or data at a path, which must not change a choice."""

    study: str  # name of the study
    seed: int  # of the study
    source: str  # name of the plug-in that chooses
    corpus: int | UnsetType = UNSET  # version of the corpus
    data: int | UnsetType = UNSET  # version of the data

    inputs: ClassVar = {"corpus": "{stem}"}

    @classmethod
    def _from(cls, study: Study, section: Mapping[str, Any], **more: Any) -> Self:
        """With the fields of a subclass in `more`."""
        own = {"data": section.get("version", 1)} if "path" in section else {}
        data = own or {"corpus": study.sections["corpus"]["version"]}
        return cls(study=study.name, seed=study.seed, source=section["source"], **data, **more)


@dataclass(frozen=True, kw_only=True)
class SelectExemplarsSettings(FromData, rules=["select_exemplars"]):
    """The models of a case, for which exemplars are chosen. See `Case` for its fields."""

    case: str
    kind: str
    members: Mapping[str, tuple[tuple[str, str], ...]]  # class and class word, in order, per split
    models_per_class: Mapping[str, int]
    numbered_from: Mapping[str, int]
    set_sizes: tuple[int, ...]
    group_counts: Mapping[str, int]

    @classmethod
    def of(cls, study: Study, case: str, **more: Any) -> Self:
        own = study.cases[case]
        return cls._from(
            study,
            study.sections["cases"][case],
            case=case,
            kind=own.kind,
            members={split: tuple(own.members[split].items()) for split in own.splits},
            models_per_class=own.models_per_class,
            numbered_from=own.numbered_from,
            set_sizes=own.set_sizes,
            group_counts=own.group_counts,
            **more,
        )

    def to_case(self) -> Case:
        """The case that these settings describe."""
        members = {split: dict(pairs) for split, pairs in self.members.items()}
        counts = self.models_per_class, self.set_sizes, self.numbered_from, self.group_counts
        return Case(self.case, self.kind, self.source, members, *counts)


@dataclass(frozen=True, kw_only=True)
class SelectDistractorsSettings(FromData, rules=["select_distractors"]):
    """How many distractors are chosen, and by which plug-in."""

    count: int
    version: int

    inputs: ClassVar = {**FromData.inputs, "exemplars": "{path}"}

    @classmethod
    def of(cls, study: Study) -> Self:
        section = study.sections["distractors"]
        return cls._from(study, section, count=section["count"], version=section["version"])
