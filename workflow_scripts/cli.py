"""What all steps share on the command line: JSON settings, logging, and errors of one line."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces. Settings hashes and params rely on it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


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
    value = json.load(sys.stdin) if text == "-" else json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, got {text!r}")
    try:
        return type_.from_json(value) if type_ else value
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(main: Callable[[], None]) -> None:
    """Runs a step: logs to stderr, and turns an error of the user's or of the data's into one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
