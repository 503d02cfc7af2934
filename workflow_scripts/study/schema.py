"""Checks the keys and types of the files in config/ with the schemas in config/schemas/ and the keys of plug-ins.

The messages are our own: they name the key and what would be valid. The Snakefile asks, so this needs no heavy import.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from jsonschema import Draft202012Validator, ValidationError

from workflow_scripts import plugins
from workflow_scripts.cli import DEEPEST, read_text
from workflow_scripts.study.strict import shorten
from workflow_scripts.study.study import is_released

PLUGIN_SECTIONS = ("encoders", "heads", "methods")  # kinds of plug-ins with an entry for each
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
ODD_NUMBER = re.compile(r"[-+]?0[0-9_]+|.*:.*")  # 010 is 8, and 1:30 is 90
LARGEST = 100_000  # values of a file with aliases, each written out
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # that of LibYAML is six times as fast
NAMED_SECTIONS = {"base_model": "base_models", "customization": "customization"}  # the kind of the one plug-in


def read_yaml(file: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ValueError: it is not YAML, is nested too deeply or endlessly, has a key twice, or a number that is read as
            another. The message names the file and the line or key.
    """
    text = read_text(file)
    try:
        if problem := _unbounded(text):
            raise ValueError(f"{file}: {problem}")
        loader = LOADER(text)
        tree = loader.get_single_node()
        if odd := list(_odd_nodes(tree, "", set())):
            raise ValueError("\n".join(f"{file}: {line}" for line in odd))
        return loader.construct_document(tree) if tree else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: {error.problem}" if mark else "a character that YAML does not allow"
        raise ValueError(f"{file}: not valid YAML ({place})") from error


def _unbounded(text: str) -> str | None:
    """What would exhaust stack or memory of whoever walks through a YAML text; its events come one by one."""
    opened: list[tuple[str | None, int]] = []  # the anchor of each open list or mapping, and the values before it
    sizes: dict[str | None, int] = {}  # values by anchor
    total = 0
    for event in yaml.parse(text, LOADER):
        line = f"line {event.start_mark.line + 1}"
        match event:
            case yaml.CollectionStartEvent(anchor=anchor):
                opened.append((anchor, total))
                total += 1
                if len(opened) > DEEPEST:
                    return f"{line}: lists and mappings of more than {DEEPEST} levels"
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                sizes[anchor] = total - before
            case yaml.ScalarEvent(anchor=anchor):
                total += 1
                sizes[anchor] = 1
            case yaml.AliasEvent(anchor=anchor):
                if any(anchor == name for name, _ in opened):
                    return f"{line}: *{anchor} stands inside of &{anchor}, which would have no end"
                total += sizes.get(anchor, 1)
                if total > LARGEST:
                    return f"{line}: *{anchor} makes more than {LARGEST:,} values; write out what is meant"
    return None


def _odd_nodes(node: yaml.Node | None, prefix: str, seen: set[int]) -> Iterator[str]:
    """What YAML would take without a word: the last of two equal keys, and numbers of base 60 or 8 for others."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    lines: dict[tuple[str, str], int] = {}  # by type and text of a key
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                name, line = (key.tag, str(key.value)), key.start_mark.line + 1
                if name in lines:
                    yield f"{prefix}{key.value}: stands in line {lines[name]} and in line {line}; a key may stand once"
                lines.setdefault(name, line)
                yield from _odd_nodes(value, f"{prefix}{key.value}.", seen)
        case yaml.SequenceNode():
            for i, value in enumerate(node.value):
                yield from _odd_nodes(value, f"{prefix}{i}.", seen)
        case yaml.ScalarNode(tag=tag, value=text) if tag in NUMBERS and ODD_NUMBER.fullmatch(text):
            meant = "write the number itself, or put it in quotes if it is text"
            yield f"{prefix.removesuffix('.')}: YAML reads {text} as {yaml.load(text, LOADER)}; {meant}"


def problems(config: Mapping[str, Any], schema_file: Path) -> list[str]:
    """Every violation of a schema, one line each: key, what is wrong, what is valid."""
    return list(_odd_values(config, "")) or list(_violations(config, read_yaml(schema_file), ()))


def _odd_values(value: Any, prefix: str) -> Iterator[str]:
    """What YAML can say, but no key of ours means: keys that are no text, and numbers that JSON does not have."""
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        if isinstance(value, Mapping) and not isinstance(key, str):
            yield f"{prefix}{key}: YAML reads this key as {type(key).__name__}, expected text: put it in quotes"
        elif isinstance(part, float) and not math.isfinite(part):
            yield f"{prefix}{key}: {part!r} is no number to calculate with"
        else:
            yield from _odd_values(part, f"{prefix}{key}.")


def study_problems(config: Mapping[str, Any], schema_file: Path) -> list[str]:
    """The same for a study, to whose schema plug-ins add their keys."""
    if odd := list(_odd_values(config, "")):
        return odd
    schema = read_yaml(schema_file)
    version = schema["$defs"]["version"]
    violations = list(_violations(config, schema, ()))
    for kind in PLUGIN_SECTIONS:
        for name, settings in _mapping(config.get(kind)).items():
            imported = kind == "heads" and is_released(config)  # not learned, so it needs no settings
            violations += _plugin_violations(settings, kind, name, (kind, name), {"version": version}, imported)
    for section, kind in NAMED_SECTIONS.items():
        settings = _mapping(config.get(section))
        common = schema["properties"][section]["properties"] | {"version": version}
        violations += _plugin_violations(settings, kind, settings.get("name"), (section,), common)
    return list(dict.fromkeys(violations))


def _plugin_violations(
    settings: Any, kind: str, name: Any, path: tuple, common: Mapping[str, Any], bare: bool = False
) -> list[str]:
    """Checks a section with the keys that its plug-in declares; `checks` reports a plug-in that does not exist."""
    if name not in plugins.names(kind) or not isinstance(settings, Mapping):
        return []
    declared = None if bare else plugins.settings_type(kind, name)
    own = section_schema(declared)
    keys = {**common, **own.get("properties", {})}
    keys["version"] = keys.pop("version")  # the last, as in the studies
    required = [*common, *own.get("required", ())]
    schema = {"type": "object", "properties": keys, "required": required, "additionalProperties": False}
    violations = list(_violations(settings, schema, path))
    if violations or not declared:
        return violations
    try:
        plugins.read_section(declared, ".".join(path), {key: settings[key] for key in settings.keys() - common})
    except ValueError as error:  # what `__post_init__` refuses
        return [str(error)]
    return []


def section_schema(settings_type: type | None) -> dict[str, Any]:
    """The JSON Schema of a section from the dataclass that declares its keys; empty if there is none."""
    if settings_type is None:
        return {}
    (reference,), definitions = msgspec.json.schema_components([settings_type])
    return _resolved(reference, definitions)


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references; objects are closed, and `X | None` has two types, which make clearer messages."""
    if isinstance(schema, list):
        return [_resolved(part, definitions) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    resolved = {key: _resolved(part, definitions) for key, part in schema.items()}
    if reference := resolved.pop("$ref", None):
        target = _resolved(definitions[reference.rpartition("/")[2]], definitions)
        return {**target, "additionalProperties": False, **resolved}
    match resolved.get("anyOf"):
        case [{"type": str(kind), **rest}, {"type": "null"}]:
            del resolved["anyOf"]
            resolved |= {**rest, "type": [kind, "null"]}
    return resolved


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _violations(value: Any, schema: Mapping[str, Any], path: tuple) -> Iterator[str]:
    definitions = schema.get("$defs", {})
    for error in Draft202012Validator(schema).iter_errors(value):
        key = ".".join(str(part) for part in (*path, *error.absolute_path))
        yield from _messages(error, key, definitions)


def _messages(error: ValidationError, key: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    """Our own messages for an error of jsonschema."""
    prefix = f"{key}." if key else ""
    properties = error.schema.get("properties", {})
    match error.validator:
        case "additionalProperties":
            for unknown in error.instance.keys() - properties.keys():
                hint = _hint(unknown, list(properties))
                yield f"{prefix}{unknown}: unknown key{hint}; valid keys: {', '.join(properties)}"
        case "required":
            for missing in set(error.validator_value) - error.instance.keys():
                yield f"{prefix}{missing}: missing key ({_describe(properties.get(missing, {}), definitions)})"
        case "dependentRequired":
            for present, needed in error.validator_value.items():
                for missing in set(needed) - error.instance.keys() if present in error.instance else ():
                    yield f"{prefix}{missing}: missing key ({_describe(properties[missing], definitions)})"
        case "anyOf" if "required" in error.validator_value[0]:
            valid = " or ".join(choice["required"][0] for choice in error.validator_value)
            yield f"{prefix}{valid}: missing key; one of these is needed"
        case "contains":
            needed = error.validator_value["const"]
            yield f"{key}: {error.instance!r} lacks {needed!r} ({_describe(error.schema, definitions)})"
        case "pattern":
            yield f"{key}: {error.instance!r} must match {error.validator_value}"
        case _:
            message = error.message.replace(repr(error.instance), shorten(error.instance))
            yield f"{key}: {message} ({_describe(error.schema, definitions)}){_untyped(error)}"


def _untyped(error: ValidationError) -> str:
    """What to do about a text that would be right if it were not in quotes."""
    if error.validator != "type" or not isinstance(error.instance, str):
        return ""
    try:
        meant = yaml.load(error.instance, LOADER)
    except yaml.YAMLError:
        return ""
    if isinstance(meant, str) or not Draft202012Validator({"type": error.validator_value}).is_valid(meant):
        return ""
    return "; it is text: take away its quotes. --config makes text of nested values: give them in a file, --configfile"


def _hint(word: str, valid: list[str]) -> str:
    return "".join(f", did you mean {close!r}?" for close in difflib.get_close_matches(word, valid, n=1))


def _describe(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    referred = definitions.get(schema.get("$ref", "").rpartition("/")[2], {})
    return schema.get("description") or referred.get("description") or "see config/schemas/"
