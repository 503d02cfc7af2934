"""Files dated in the future are told, in one line however many there are."""

import os
from pathlib import Path

import pytest

from workflow_scripts.operations import dates


def test_one_line_for_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.chdir(tmp_path)
    for name in "abcd":
        Path(name).touch()
    dates.warn_of_future(["a", "missing"])
    assert not caplog.messages
    for name in "bcd":
        os.utime(name, (2e9, 2e9))
    dates.warn_of_future(["a", "c", "b", "c", "d"])
    (message,) = caplog.messages
    assert message.startswith("c: is dated in the future (2033-05-1")
    assert ", like 2 others; " in message
    assert message.endswith("touch c")
