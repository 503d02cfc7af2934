"""The synthetic study of `chain.py`, at three stages; made once, only read by tests."""

import pytest

from tests.unit import chain


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> chain.Chain:
    """Its exemplars, samples, features and heads exist."""
    return chain.make_chain(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def evaluated(planted: chain.Chain) -> chain.Chain:
    """Every cell is evaluated."""
    chain.evaluate_all(planted)
    return planted


@pytest.fixture(scope="session")
def reported(evaluated: chain.Chain) -> chain.Chain:
    """The report is made."""
    chain.report(evaluated)
    return evaluated
