"""The examples of README and docs when their files are not here, as after `make pull`."""

import re
from pathlib import Path

import pytest

from tests.projects import ROOT
from workflow_scripts.__main__ import summaries
from workflow_scripts.operations import absent

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("file", "manifest"),
    [
        ("models/emoji_seen/airplane_0000.safetensors", "models/emoji_seen/train_0000.json"),
        ("samples/emoji_seen/airplane_0004.llm.parquet", "samples/emoji_seen/test_0000.json"),
        ("exemplars/emoji_seen.parquet", "exemplars/emoji_seen.parquet"),
    ],
)
def test_of_a_result_that_is_not_here_the_command_is_told_that_makes_it(
    file: str, manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for part in ("config", "data", "Snakefile", "rules"):
        (tmp_path / part).symlink_to(ROOT / part)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="not here; a remote need not keep it, and this makes it") as raised:
        absent.check(Path("results/miniature") / file)
    assert str(raised.value).endswith(f"--config study=miniature -- results/miniature/{manifest}")


def test_what_is_here_and_what_no_job_makes_passes():
    absent.check(ROOT / "README.md")
    absent.check(Path("results/miniature/samples/emoji_seen/no_such_model.llm.parquet"))
    absent.check(Path("elsewhere.parquet"))


def test_every_command_that_the_pages_name_exists():
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"python -m workflow_scripts (\w+)", text))
    assert named and named <= summaries().keys()
