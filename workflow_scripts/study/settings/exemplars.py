"""The settings of the rules that choose real images: exemplars and distractors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.study import Case, Study


@dataclass(frozen=True, kw_only=True)
class FromData(Settings):
    """What images are chosen from.

    Attributes:
        corpus: version of the corpus, if it is that.
        data: version of the data at a path of their own, if it is these. The path must not change a choice.
    """

    corpus: int | None = None
    data: int | None = None

    inputs: ClassVar = {"corpus": "{stem}"}

    @staticmethod
    def _data(study: Study, section: Mapping[str, Any]) -> dict[str, int]:
        if "path" in section:
            return {"data": section.get("version", 1)}
        return {"corpus": study.sections["corpus"]["version"]}


@dataclass(frozen=True, kw_only=True)
class SelectExemplarsSettings(FromData, rules=["select_exemplars"]):
    """The models of a case, for which exemplars are chosen. See `Case` for its fields.

    Attributes:
        study: name of the study.
        seed: of the study.
        case: name of the case.
        members: class and class word, in order, per split.
    """

    study: str
    seed: int
    case: str
    kind: str
    source: str
    members: Mapping[str, tuple[tuple[str, str], ...]]
    models_per_class: Mapping[str, int]
    numbered_from: Mapping[str, int]
    set_sizes: tuple[int, ...]
    group_counts: Mapping[str, int]

    @classmethod
    def of(cls, study: Study, case: str) -> Self:
        return cls(**cls._fields(study, case), **cls._data(study, study.sections["cases"][case]))

    @staticmethod
    def _fields(study: Study, name: str) -> dict[str, Any]:
        case = study.cases[name]
        return {
            **{"study": study.name, "seed": study.seed, "case": name, "kind": case.kind, "source": case.source},
            "members": {split: tuple(case.members[split].items()) for split in case.splits},
            "models_per_class": case.models_per_class,
            "numbered_from": case.numbered_from,
            "set_sizes": case.set_sizes,
            "group_counts": case.group_counts,
        }

    def to_case(self) -> Case:
        """The case that these settings describe."""
        members = {split: dict(pairs) for split, pairs in self.members.items()}
        counts = self.models_per_class, self.set_sizes, self.numbered_from, self.group_counts
        return Case(self.case, self.kind, self.source, members, *counts)


@dataclass(frozen=True, kw_only=True)
class SelectDistractorsSettings(FromData, rules=["select_distractors"]):
    """How many distractors are chosen, and by which plug-in.

    Attributes:
        study: name of the study.
        seed: of the study.
        source: name of the plug-in.
    """

    study: str
    seed: int
    source: str
    count: int
    version: int

    @classmethod
    def of(cls, study: Study) -> Self:
        section = study.sections["distractors"]
        names = {key: section[key] for key in ("source", "count", "version")}
        return cls(study=study.name, seed=study.seed, **names, **cls._data(study, section))
