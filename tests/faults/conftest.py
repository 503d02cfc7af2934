"""A finished smoke study for each test, and `--long`: five random moments instead of one."""

from pathlib import Path

import pytest

from tests.faults.runs import RESULTS, Project
from tests.projects import ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="five random moments of each kind instead of one, and every rule"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(5 if metafunc.config.getoption("--long") else 1))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    if not (ROOT / RESULTS / "report/index.html").is_file():
        pytest.fail(f"{RESULTS} is not there; make it with: make demo STUDY=smoke")
    return Project(tmp_path / "project")
