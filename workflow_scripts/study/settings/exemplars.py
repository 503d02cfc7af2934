"""The settings of the rules that choose real images: exemplars and distractors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.study import Case, Study


@dataclass(frozen=True, kw_only=True)
class FromData(Settings):
    """What images are chosen from: version of the corpus, or of data at a path, which must not change a choice."""

    corpus: int | None = None
    data: int | None = None

    inputs: ClassVar = {"corpus": "{stem}"}

    @staticmethod
    def _version(study: Study, section: Mapping[str, Any]) -> dict[str, int | None]:
        if "path" in section:
            return {"corpus": None, "data": section.get("version", 1)}
        return {"corpus": study.sections["corpus"]["version"], "data": None}


@dataclass(frozen=True, kw_only=True)
class SelectExemplarsSettings(FromData, rules=["select_exemplars"]):
    """The models of a case, for which exemplars are chosen: `Case`, with classes and class words as pairs."""

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
    def own(cls, study: Study, case: str) -> dict[str, Any]:
        own = study.cases[case]
        return {
            **cls._version(study, study.sections["cases"][case]),
            "source": own.source,
            "members": {split: tuple(own.members[split].items()) for split in own.splits},
            **{name: getattr(own, name) for name in ("models_per_class", "numbered_from", "set_sizes", "group_counts")},
        }

    def to_case(self) -> Case:
        """The case that these settings describe."""
        members = {split: dict(pairs) for split, pairs in self.members.items()}
        counts = self.models_per_class, self.set_sizes, self.numbered_from, self.group_counts
        return Case(self.case, self.kind, self.source, members, *counts)


@dataclass(frozen=True, kw_only=True)
class SelectDistractorsSettings(FromData, rules=["select_distractors"]):
    """How many distractors are chosen, and by which plug-in: the study's section."""

    study: str
    seed: int
    source: str
    count: int
    version: int

    @classmethod
    def own(cls, study: Study) -> dict[str, Any]:
        section = study.sections["distractors"]
        return {**{key: section[key] for key in ("source", "count", "version")}, **cls._version(study, section)}
