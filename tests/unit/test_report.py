"""The report of the synthetic study: complete, self-contained, escaped."""

import io
from html.parser import HTMLParser

import pandas as pd
import pytest

from tests.unit.test_evaluate import scores
from workflow_scripts import reporting
from workflow_scripts.evaluation import cells
from workflow_scripts.reporting import figures, findings, page
from workflow_scripts.reporting.questions import QUESTIONS
from workflow_scripts.reporting.table import markdown, tabulate


class Page(HTMLParser):
    """Collects the tags of a page and checks that they close."""

    VOID = ("meta", "img", "br", "input", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("name", ["index.html", "gallery.html"])
def test_pages_are_self_contained(reported, name):
    text = reported.report(name).read_text()
    page = Page(text)
    assert all(image["src"].startswith("data:") and image["alt"] for image in page.all("img"))
    assert not page.all("link") and all("src" not in script for script in page.all("script"))
    assert not any(link["href"].startswith("http") for link in page.all("a"))
    assert len(page.all("script")) == 1


def test_index_tells_the_finding_and_shows_all_rows(reported):
    text = reported.report("index.html").read_text()
    assert "Learned heads beat the untuned features in 12 of 12 comparisons" in text
    shown_page = Page(text)
    parts = [pd.read_csv(reported.report(f"tables/{name}.csv")) for name in reporting.TABLES]
    shown = sum(part.shape[0] + 1 for part in parts if len(part))
    found = findings.findings(pd.read_csv(reported.report("table.csv")), parts[-1])
    plan = len(shown_page.all("tr")) - shown - len(found) - 1 - 3 - 1  # and tables of findings and of cases
    assert plan >= 2 * 4
    assert len(shown_page.all("svg")) == len(reporting.FIGURES)
    assert "Drawn by &lt;b&gt;nobody&lt;/b&gt; &amp; friends." in text


def test_figures_are_reproducible_and_follow_the_ink(reported):
    svg = reported.report("figures/tuning.svg").read_text()
    assert "currentColor" in svg and "#010203" not in svg
    assert "<dc:date>" not in svg
    assert "seen, llm" in svg


def test_table_rows_show_shares_in_percent(reported):
    sections = page.sections(pd.read_csv(reported.report("table.csv")))
    rows = next(section["rows"] for section in sections if section["name"] == "tuning")
    tuned = next(row for row in rows if row["names"] == ["seen", "llm", "pixels", "linear"])
    recall, gain, influence = tuned["numbers"][1], tuned["numbers"][4], tuned["numbers"][6]
    assert recall["text"] == "100.0" and recall["sort"] == 1
    assert gain["text"].startswith("+") and " to " in gain["note"] and "p = " in gain["note"]
    assert 0 < float(influence["text"]) <= 100
    assert next(row for row in rows if row["random"])["numbers"][6]["text"] == ""


def test_one_model_per_cell_has_no_intervals_but_a_report():
    """The smallest of studies: numbers without intervals, a head without its result in one case."""
    table = scores([[1], [30]], ["a", "a"], candidates=50)
    names = {"method": "feature_similarity", "encoder": "pixels", "training_set": "all", "share": 1.0}
    cases = {case: {"kind": "object", "sets": False} for case in "xy"}
    settings = {"seed": 0, "cases": cases, "evaluation": {"recall_at": [1, 10], "bootstrap": 100}}
    untuned = {**names, "head": "identity", **cells.evaluate({"x": table, "y": table}, None, settings)}
    tuned = {**names, "head": "linear", **cells.evaluate({"x": table}, {"x": table}, settings)}
    made = tabulate([untuned, tuned], {"data": "none", "weights": "none"})
    table = pd.read_csv(io.StringIO(made.to_csv(index=False)))
    assert "| 50.0 |" in markdown(made)
    assert "beat the untuned features in 0 of 1 comparisons" in findings.headline(table)
    assert findings.by_case(table)[0]["better"] == "0"
    section = page.sections(table)[0]
    assert [row["numbers"][0]["text"] for row in section["rows"] if row["names"][0] == "y"][-1] == "missing"
    assert " missing" in figures.draw("tuning", QUESTIONS[0].rows(table))
    assert figures.history({}).startswith("<?xml")
