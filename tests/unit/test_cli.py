"""The command line that all steps share: settings as JSON, and errors of one line."""

import io
import sys

import pytest

from workflow_scripts import cli


@pytest.fixture
def parser() -> cli.StepParser:
    parser = cli.StepParser("A step.")
    parser.add_settings()
    return parser


def test_settings_are_one_json_object(parser: cli.StepParser):
    assert parser.parse_args(["--settings", '{"seed": 0}']).settings == {"seed": 0}


def test_settings_too_long_for_an_argument_come_by_standard_input(parser: cli.StepParser, monkeypatch):
    settings = {"members": ["n01440764"] * 100_000}
    monkeypatch.setattr(sys, "stdin", io.StringIO(cli.canonical_json(settings)))
    assert parser.parse_args(["--settings", "-"]).settings == settings


@pytest.mark.parametrize("text", ["[1]", "{", "seed=0"])
def test_anything_else_is_refused(parser: cli.StepParser, text: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        parser.parse_args(["--settings", text])
    assert "--settings" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("x.parquet: lacks column 'k'"), FileNotFoundError("x.parquet")])
def test_a_users_mistake_is_one_line(error: Exception):
    def main() -> None:
        raise error

    with pytest.raises(SystemExit, match=r"^error: x\.parquet") as exit_:
        cli.run(main)
    assert "\n" not in str(exit_.value)


def test_our_own_mistake_keeps_its_traceback():
    def main() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        cli.run(main)
