"""The command line that all steps share: settings as JSON, and errors of one line."""

import errno
import io
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import ROOT
from workflow_scripts import artifacts, cli


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


def test_settings_nested_without_measure_are_refused_in_one_line(parser: cli.StepParser, monkeypatch, capsys):
    for levels in (60, 200_000):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f'{{"a": {"[" * levels}{"]" * levels}}}'))
        with pytest.raises(SystemExit):
            parser.parse_args(["--settings", "-"])
        assert "error: argument --settings: JSON of more than 50 levels\n" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[1]", "{", "seed=0"])
def test_anything_else_is_refused(parser: cli.StepParser, text: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        parser.parse_args(["--settings", text])
    said = capsys.readouterr().err
    assert "--settings" in said and "partial" not in said


def run_step(monkeypatch: pytest.MonkeyPatch, *arguments: str, **options) -> list:
    """What a step of two flags, made with these options, gets from a command line."""
    received = []
    decorate = cli.command_line(dict, models=cli.files("manifests"), base_model=cli.file(required=False), **options)
    step = decorate(lambda args, settings: received.extend([args, settings]))
    assert not received  # an import runs nothing
    monkeypatch.setattr(sys, "argv", ["step", "--settings", '{"seed": 0}', *arguments])
    step()
    return received


def test_a_step_gets_its_flags_and_settings(monkeypatch: pytest.MonkeyPatch):
    args, settings = run_step(monkeypatch, "--models", "a", "b", "--base-model", "c", threads=cli.threads("-"))
    assert (args.models, args.base_model, args.threads) == ([Path("a"), Path("b")], Path("c"), 1)
    assert settings == {"seed": 0}


def test_help_is_the_docstring_of_the_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="0"):
        run_step(monkeypatch, "--help")
    shown = capsys.readouterr().out
    assert __doc__ in shown and "--base-model" in shown and "manifests" in shown


def test_a_text_may_have_a_byte_order_mark_and_other_encodings_are_named(tmp_path: Path):
    file = tmp_path / "list.txt"
    file.write_bytes(b"\xef\xbb\xbfcat\n")
    assert cli.read_text(file) == artifacts.read_text(file) == "cat\n"
    for text in ("café\n".encode("latin-1"), "café\n".encode("utf-16")):
        file.write_bytes(text)
        for read in (cli.read_text, artifacts.read_text):
            with pytest.raises(ValueError, match=r"list\.txt: not UTF-8 text \(.* at byte \d\); save it as UTF-8$"):
                read(file)


@pytest.mark.parametrize("fault", [lambda: b"of caf\xe9".decode(), lambda: "of caf\udce9".encode()])
def test_an_error_of_encoding_says_what_could_not_be_encoded(fault):
    with pytest.raises(SystemExit, match=r"error: not UTF-8 \(.*\): b?'of caf"):
        cli.run(fault)


@pytest.mark.parametrize("sources", [[], ["--exemplars", "a", "--samples", "b"]])
def test_exactly_one_of_several_flags_is_given(
    sources: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    one_of = {name: cli.file(required=False) for name in ("exemplars", "samples")}
    with pytest.raises(SystemExit, match="2"):
        run_step(monkeypatch, "--models", "a", *sources, one_of=one_of)
    assert "--exemplars" in capsys.readouterr().err.splitlines()[-1]


def test_a_module_that_is_run_runs_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "step.py"
    script.write_text("""from workflow_scripts import artifacts, cli


@cli.command_line(output=cli.file("file to write"))
def main(args: cli.Args) -> None:
    raise ValueError(f"{args.output}: not now")
""")
    monkeypatch.setattr(sys, "argv", ["step", "--output", "x.json"])
    with pytest.raises(SystemExit, match=r"^error: x\.json: not now$"):
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x.parquet: lacks column 'k'"),
        FileNotFoundError("x.parquet"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x.parquet"),
    ],
)
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


def test_a_reader_that_has_seen_enough_is_no_error():
    for command in (["workflow_scripts"], ["workflow_scripts", "verify", "--help"]):
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        process.stdout.close()  # before anything is printed
        assert process.stderr.read() == ""
        process.wait()


def test_a_python_without_the_environment_is_told_where_it_is():
    bare = [sys.executable, "-S", "-m", "workflow_scripts"]  # without site-packages
    done = subprocess.run([*bare, "verify"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: \S+ lacks \w+, which the project needs; "
        r"first: source \.venv/bin/activate \(`make data` installs it\)\n",
        done.stderr,
    )


def test_no_message_shows_the_address_of_an_object(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    def main() -> None:
        cli.log.warning("skipped: cat.jpg: %r", error)
        raise ValueError(f"cat.jpg: not a readable image ({error})")

    monkeypatch.setattr(cli.logging.root, "handlers", [])
    error = OSError(f"cannot identify image file {io.BytesIO()!r}")
    with pytest.raises(SystemExit) as stopped:
        cli.run(main)
    assert str(stopped.value) == "error: cat.jpg: not a readable image (cannot identify image file)"
    said = capsys.readouterr().err
    assert "WARNING step: skipped: cat.jpg: OSError('cannot identify image file')" in said
