"""Names of result files are spelt alike in the rules and in the code."""

import pytest

from tests.projects import ROOT
from workflow_scripts.study import layout

RULES = "".join(file.read_text() for file in (ROOT / "rules").glob("*.smk"))


@pytest.mark.parametrize("name", ["EXEMPLARS", "MODELS", "SAMPLES", "SAMPLE_FEATURES"])
def test_the_rules_spell_a_file_as_the_code_does(name: str):
    assert f'"{getattr(layout, name)}"' in RULES
