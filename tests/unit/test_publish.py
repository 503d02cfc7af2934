"""What the README shows: filled between its marks, from files alone."""

import json
from pathlib import Path

import pytest

from tests.unit.test_tabulate import LABELS, head, record, results_of
from workflow_scripts.miniature.gates import Gate
from workflow_scripts.reporting import markdown
from workflow_scripts.reporting.findings import Finding
from workflow_scripts.reporting.table import tabulate
from workflow_scripts.steps import publish

SPAN = {"value": 0.5, "low": 0.25, "high": 0.751}


def test_a_block_replaces_what_stands_between_its_marks(tmp_path: Path):
    text = "a\n<!-- results -->\nold\n<!-- end -->\nb\n<!-- quality -->\n<!-- end -->\n"
    page = tmp_path / "page.md"
    page.write_text(text)
    markdown.fill_page(page, {"results": "new\n"})
    assert page.read_text() == text.replace("old", "new")
    with pytest.raises(ValueError, match=r"page\.md: lacks the lines <!-- effort -->"):
        markdown.fill_page(page, {"effort": ""})


@pytest.mark.parametrize(
    ("value", "gain", "p", "tuned"),
    [
        (0.27, 0.1, 0.01, "**27.0 (17.0–37.0)**"),
        (0.27, 0.1, 0.2, "27.0 (17.0–37.0)"),
        (0.27, -0.1, 0.01, "27.0 (17.0–37.0)"),
        (0.05, 0.05, 0.01, "5.0 (-5.0–15.0)"),  # no gain: it may be at chance
    ],
)
def test_results_are_bold_where_tuning_gains_clearly(value: float, gain: float, p: float, tuned: str):
    rows = head("linear", record(value=value, gain=gain, p=p, n_models=80, n_queries=1600))
    table = tabulate([head("identity", record(value=0.02, n_models=80, n_queries=1600)), rows], LABELS)
    lines = publish.results_table(results_of(table)).splitlines()
    assert lines[0] == "| test exemplars | prompts | models | queries | pixels |"
    assert lines[2] == f"| seen | llm | 80 | 1,600 | 2.0 → {tuned} |"


def test_customizability_has_a_line_per_case_and_encoder():
    scores = {"models": 80, "queries": 800, "candidates": 6080, "recall@1": SPAN, "recall@10": SPAN}
    lines = publish.customizability_table({"cases": {"seen": {"pixels": scores}}}).splitlines()
    assert lines[2] == "| 80 of seen | pixels | 800 | 6,080 | 50.0% (25.0–75.1) | 50.0% (25.0–75.1) |"


def test_a_gate_that_does_not_hold_stands_out():
    every = [Gate("a", "at most 1", "0.5", True), Gate("b", "at most 1", "2", False)]
    assert publish.gates_table(every).splitlines()[2:] == [
        "| a | at most 1 | 0.5 | yes |",
        "| b | at most 1 | 2 | **no** |",
    ]


def test_prompts_have_a_line_each():
    found = {"pixels": {"raw": {"value": 0.1}, "centred": {"value": 0.52}}}
    prompt = {"template": "a picture of a {subject}", "prompt_set": "llm", "splits": ["val", "test"], "encoders": found}
    lines = publish.prompts_table([prompt]).splitlines()
    assert lines[2] == "| val, test | llm | a picture of a {subject} | 10% / 52% | **no** |"


def test_effort_sums_processor_time_by_rule(tmp_path: Path):
    times = {"finetune/seen.train_0000.tsv": 90, "finetune/seen.test_0000.tsv": 30, "tabulate.tsv": 6}
    for name, seconds in times.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"s\tcpu_time\tmax_rss\n{seconds}\t1\t-\n")
    sizes = {"llm": 1000, "procedural": 200}
    entries = [{"model": "a", "file": f"a.{name}.parquet", "sha256": "0" * 64, "n": n} for name, n in sizes.items()]
    manifest = tmp_path / "test_0000.json"
    manifest.write_text(json.dumps({"case": "seen", "models": entries}))
    assert publish.effort([manifest], tmp_path) == (
        "1 customized models and 1,200 samples took 2 core-minutes: finetune 2.0, tabulate 0.1, the other rules 0.0.\n"
    )


def test_findings_are_listed_by_verdict():
    found = [
        Finding("A helps.", "holds", "", "m"),
        Finding("B helps.", "does not hold", "", "m"),
        Finding("C helps.", "holds", "", "m"),
    ]
    assert publish.findings_list(found) == "- **holds**: A helps. C helps.\n- **does not hold**: B helps.\n"
