"""What all steps share on the command line: JSON settings, texts, logging, and errors of one line."""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces. Settings hashes and params rely on it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


DEEPEST = 50  # levels of lists and mappings in JSON or YAML: more exhaust the stack of whoever walks through them


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested more than DEEPEST levels deep.
    """
    value = json.loads(text)
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _members(outer) if isinstance(inner, (dict, list))]
        if not level:
            return value
    raise RecursionError


def _members(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def read_text(path: str | os.PathLike) -> str:
    """A text in UTF-8, with or without a byte-order mark, which some editors put before it.

    Raises:
        ValueError: the file cannot be read or is no such text; the message names it.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from error


def printable(text: str) -> str:
    """A text for the terminal, on one line: other people's names may hold line breaks and commands to the terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


log = logging.getLogger("step")
Args = argparse.Namespace  # the flags of a command line, by name


class StepParser(argparse.ArgumentParser):
    """An argument parser whose help shows the module's docstring, and that knows the `--settings` of a rule."""

    def __init__(self, description: str) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def add_settings(self, type_: Any = None, required: bool = True) -> None:
        """Adds `--settings`: the rule's part of the study, as one JSON object.

        Linux takes no argument above 128 KiB, which the lists of the paper's largest case exceed: hence `-`.

        Args:
            type_: class of `args.settings`, such as `FinetuneSettings`; None leaves it a dictionary.
        """
        text = "settings of the rule, as a JSON object; - reads it from standard input"
        read = partial(_read_settings, type_)
        self.add_argument("--settings", type=read, required=required, metavar="JSON", help=text)


def _read_settings(type_: Any, text: str) -> Any:
    try:
        value = parse_json(sys.stdin.read() if text == "-" else text)
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, got {text!r}")
        return type_.from_json(value) if type_ else value
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error
    except RecursionError as error:
        raise argparse.ArgumentTypeError(f"JSON of more than {DEEPEST} levels") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def flag(text: str | None = None, **options: Any) -> dict[str, Any]:
    """A flag of `command_line`: its help and the options of `argparse.ArgumentParser.add_argument`."""
    return {"help": text, **options}


def file(text: str | None = None, required: bool = True) -> dict[str, Any]:
    """A flag that takes one path."""
    return flag(text, type=Path, required=required)


def files(text: str, required: bool = True) -> dict[str, Any]:
    """A flag that takes one path or more; if it is not required, also none."""
    return flag(text, type=Path, required=required, nargs="+" if required else "*", default=[])


def threads(text: str, default: int = 1) -> dict[str, Any]:
    return flag(text, type=int, default=default)


def command_line(
    settings: type | None = None, one_of: Mapping[str, dict[str, Any]] | None = None, **flags: dict[str, Any]
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Makes a function the command line of its module, with the module's docstring as help.

    The function gets the parsed flags and, if the step has some, its settings. Under `python -m` it runs at once, so it
    is the last one of its file.

    Args:
        settings: type of the settings, such as `FinetuneSettings`, or dict; None for a command without `--settings`.
        one_of: flags of which exactly one must be given.
        flags: by name, with `_` for `-`; made by `flag`, `file`, `files` and `threads`.
    """

    def decorate(main: Callable[..., None]) -> Callable[[], None]:
        def parse_and_run() -> None:
            parser = StepParser(main.__globals__["__doc__"])
            group = parser.add_mutually_exclusive_group(required=True) if one_of else parser
            for owner, part in ((group, one_of or {}), (parser, flags)):
                for name, options in part.items():
                    owner.add_argument(f"--{name.replace('_', '-')}", **options)
            if settings:
                parser.add_settings(None if settings is dict else settings)
            args = parser.parse_args()
            main(args, args.settings) if settings else main(args)

        if main.__module__ == "__main__":
            run(parse_and_run)
        return parse_and_run

    return decorate


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_addresses(super().format(record))


def without_addresses(text: object) -> str:
    """A message without objects that libraries name by their address, which tells nobody anything."""
    return re.sub(r" ?<[^<>]* at 0x[0-9a-f]+>", "", str(text))


def run(main: Callable[[], None]) -> None:
    """Runs a step: logs to stderr, and turns an error of the user's or of the data's into one line and exit code 1."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        try:
            main()
        finally:  # also after --help
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of what is printed has seen enough, like `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains when it ends
        sys.exit(1)
    except (UnicodeDecodeError, UnicodeEncodeError) as error:  # which names no file: at least the text tells
        start = max(0, error.start - 40)
        sys.exit(f"error: not UTF-8 ({error.reason}): {error.object[start : error.end + 40]!r}")
    except OSError as error:  # which begins with a number, unless a caller wrote the message
        named = error.filename is not None and error.strerror
        sys.exit(f"error: {error.filename}: {error.strerror}" if named else f"error: {without_addresses(error)}")
    except ValueError as error:
        sys.exit(f"error: {without_addresses(error)}")
