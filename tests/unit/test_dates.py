"""Files dated in the future are refused, in one line however many there are."""

import os
from pathlib import Path

import pytest

from workflow_scripts.operations import dates


def test_one_line_for_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in "abcd":
        Path(name).touch()
    dates.refuse_future(["a", "missing"])
    for name in "bcd":
        os.utime(name, (2e9, 2e9))
    with pytest.raises(ValueError, match=r"^c: is dated in the future \(2033-05-1.*\), like 2 others; .* touch c b d$"):
        dates.refuse_future(["a", "c", "b", "c", "d"])
