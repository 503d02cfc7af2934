"""What the settings of all rules share: made from the study, sent to the step as JSON, and read there.

The settings of a rule are a frozen dataclass that holds the part of the study that a job needs and nothing else, so
that only a change of that part runs the job again. The class method `of` makes them from a study and a job's wildcards,
`to_json` gives what travels to the step, and `from_json` reads it there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

Number = int | float  # a number stays as the study spells it: 3 and 3.0 are two spellings in JSON
OPTIONS = "options"  # the field for the keys of a plug-in's section, which stand beside the other keys in JSON


@dataclass(frozen=True)
class Record:
    """A frozen dataclass that is one JSON object. A field that is None by default is left out if it is None."""

    def to_json(self) -> dict[str, Any]:
        """The object, without a change of any value."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {field.name for field in fields(self) if field.default is not None or values[field.name] is not None}
        options = values.pop(OPTIONS, {})
        plain = {name: value.to_json() if is_dataclass(value) else value for name, value in values.items()}
        return {**{name: value for name, value in plain.items() if name in kept}, **options}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads the object.

        Raises:
            ValueError: a key is missing, is unknown, or has a value of another type; the message names it.
        """
        import msgspec  # only steps read settings

        return msgspec.convert(cls._gathered(value), cls)

    @classmethod
    def _gathered(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the fields; raises `ValueError` naming a key that is none."""
        types = {field.name: field.type for field in fields(cls)}
        others = {key: value[key] for key in value.keys() - types.keys()}
        gathered = {key: value[key] for key in value.keys() & types.keys()}
        if OPTIONS in types:
            return {**gathered, OPTIONS: others}
        if others:
            raise ValueError(f"{min(others)!r}: unknown key; valid keys: {', '.join(sorted(types))}")
        sections = {key for key, type_ in types.items() if isinstance(type_, type) and issubclass(type_, Record)}
        for key in sections & {key for key, section in gathered.items() if isinstance(section, Mapping)}:
            types[key]._gathered(gathered[key])
        return gathered


TYPES: dict[str, type["Settings"]] = {}  # by rule


@dataclass(frozen=True)
class Settings(Record):
    """The settings of one or more rules.

    Attributes:
        inputs: how the provenance names a rule's inputs, by their name in the rule: `scores_{stem}` has the file's name
            without its ending, `{path}` is the path. Inputs that are not listed are not in the provenance.
    """

    inputs: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, rules: Iterable[str] = (), **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        TYPES.update(dict.fromkeys(rules, cls))

    def recorded(self, **wildcards: str) -> dict[str, Any]:
        """The settings as the provenance names them; `wildcards` are the job's."""
        return self.to_json()

    def made_from(self, **files: Path | str | Iterable[Path | str] | None) -> dict[str, Path]:
        """The inputs that the provenance names, by their name there; `files` by their name in the rule."""
        named = {}
        for name, pattern in self.inputs.items():
            given = files.get(name) or ()
            for file in map(Path, [given] if isinstance(given, (str, Path)) else given):
                named[pattern.format(stem=file.stem, path=file)] = file
        return named
