"""What all steps share on the command line: flags, JSON settings, logging, and errors of one clear line."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from typing import Any


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces. Settings hashes and params rely on it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class StepParser(argparse.ArgumentParser):
    """An argument parser whose help shows the module's docstring, and that knows the `--settings` of a rule."""

    def __init__(self, description: str) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def add_settings(self, required: bool = True) -> None:
        """Adds `--settings`: the rule's part of the configuration, as one JSON object.

        Linux takes no argument above 128 KiB, which the lists of the paper's largest case exceed: hence `-`.
        """
        text = "settings of the rule, as a JSON object; - reads it from standard input"
        self.add_argument("--settings", type=_json_object, required=required, help=text)


def _json_object(text: str) -> dict:
    value = json.load(sys.stdin) if text == "-" else json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, got {text!r}")
    return value


def run(main: Callable[[], None]) -> None:
    """Runs a step: logs to stderr, and turns an error of the user's or of the data's into one line and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
