"""A JSON object as a dataclass, with nothing ignored: msgspec alone would pass over keys that are not declared."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

T = TypeVar("T")


def convert(value: Mapping[str, Any], type_: type[T], ignored: Collection[str] = ()) -> T:
    """The object as an instance of a dataclass.

    Args:
        ignored: keys that the object itself may have without being declared.

    Raises:
        ValueError: a key is missing, is unknown, or has a value that does not fit; the message starts with the key.
    """
    own = {key: part for key, part in value.items() if key not in ignored}
    for line in unknown_keys(own, type_):
        raise ValueError(line)
    try:
        return msgspec.convert(own, type_)
    except msgspec.ValidationError as error:
        raise ValueError(_message(error, own)) from error


def _message(error: msgspec.ValidationError, value: Any) -> str:
    """An error of msgspec, with key and value before it."""
    problem, _, place = str(error).partition(" - at `$")
    path = re.findall(r"[\w+-]+", place)
    missing = re.fullmatch("Object missing required field `(.+)`", problem)
    if missing:
        return f"{'.'.join([*path, missing[1]])}: missing key"
    if isinstance(error.__cause__, ValueError):  # of the dataclass's own `__post_init__`, which names the key
        return ".".join([*path, problem])
    for part in path:
        value = value[int(part) if isinstance(value, Sequence) else part]
    return f"{'.'.join(path)}: {shorten(value)}: {problem}"


def unknown_keys(value: Any, type_: Any, key: str = "") -> Iterator[str]:
    """What each object in a value has that its dataclass does not declare."""
    origin, parts = get_origin(type_), get_args(type_)
    if is_dataclass(type_) and isinstance(value, Mapping):
        types = {field.name: field.type for field in fields(type_)}
        for name in value:
            if name not in types:
                yield f"{key}{name}: unknown key; valid keys: {', '.join(sorted(types))}"
            else:
                yield from unknown_keys(value[name], types[name], f"{key}{name}.")
    elif origin is Annotated:
        yield from unknown_keys(value, parts[0], key)
    elif isinstance(value, Mapping) and len(parts) == 2:
        for name, part in value.items():
            yield from unknown_keys(part, parts[1], f"{key}{name}.")
    elif isinstance(value, Sequence) and not isinstance(value, str) and parts:
        for i, part in enumerate(value):
            yield from unknown_keys(part, parts[0], f"{key}{i}.")
    else:
        for part in parts:  # `X | None`
            if is_dataclass(part):
                yield from unknown_keys(value, part, key)


def shorten(value: Any, length: int = 80) -> str:
    """A value as text that leaves an error one line."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."
