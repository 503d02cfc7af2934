"""The report of the synthetic study: complete, self-contained, escaped."""

import io
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.metrics import evaluation
from workflow_scripts.reporting import figures, index
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
    page = Page(text)
    rows = pd.read_csv(reported.report("table.csv"))
    assert len(page.all("tr")) == len(rows) + 3 + len(set(rows["case"]))  # and the heads of three tables
    assert len(page.all("svg")) == 4
    assert "Drawn by &lt;b&gt;nobody&lt;/b&gt; &amp; friends." in text


def test_figures_are_reproducible_and_follow_the_ink(reported):
    svg = reported.report("figures/recall.svg").read_text()
    assert "currentColor" in svg and "#010203" not in svg
    assert "<dc:date>" not in svg
    assert "seen, llm prompts" in svg


def test_headline_without_comparison():
    table = pd.DataFrame({"recall@10": [0.5], "candidates": [100]})
    assert index.headline(table) == index.NOTHING_COMPARED


def test_many_comparisons_are_counted_together():
    gains = pd.DataFrame(
        {
            "mAP_gain": [0.1, 0.1, 0.1, -0.1],
            "mAP_gain_low": [0.01, 0.01, -0.1, -0.2],
            "mAP_gain_high": [0.2, 0.2, 0.2, 0],
        }
    )
    # Of four, the smallest p must lie below 0.0125, the second below 0.025: 0.03 alone would have stood.
    table = gains.assign(mAP_gain_p=[0.01, 0.03, 0.5, 0.9])
    assert "lies above zero; below zero it lies in 0, and 2 cannot" in index.explanation(table)
    assert "5 % (Benjamini and Hochberg), 1 of the gains stand" in index.explanation(table)


def test_table_rows_show_shares_in_percent(reported):
    rows = index.table_rows(pd.read_csv(reported.report("table.csv")))
    tuned = next(row for row in rows if row["names"][:4] == ["seen", "llm", "pixels", "linear"])
    assert tuned["shares"][1]["text"] == "100.0" and tuned["shares"][1]["sort"] == 1
    assert 0 < float(tuned["influence"]["text"]) <= 100
    assert tuned["gain"]["text"].startswith("+") and " to " in tuned["gain"]["note"] and "p = " in tuned["gain"]["note"]
    assert next(row for row in rows if row["random"])["influence"]["text"] == ""


def test_one_model_per_cell_has_no_intervals_but_a_report():
    """The smallest of studies: numbers without intervals, a head without its result in one cell."""
    scores = pd.DataFrame({"model": ["a", "a"], "prompt_index": [0, 1], "index": 0, "new_artist": False})
    scores = scores.assign(ranks=[np.array([1]), np.array([30])], candidates=50, true_influence=10.0)
    scores = scores.assign(top_ids=[np.array(["a/0"])] * 2, top_influence=[np.array([10.0])] * 2)
    names = {"method": "feature_similarity", "encoder": "pixels", "training_set": "all", "prompt_set": "llm"}
    settings = {"seed": 0, "evaluation": {"recall_at": [1, 10], "bootstrap": 100}}
    metrics = []
    for case, head in (("x", "identity"), ("x", "linear"), ("y", "identity")):
        cell = {**names, "case": case, "head": head, "kind": "object"}
        numbers = evaluation.evaluate(scores, scores if head == "linear" else None, settings | cell)
        metrics.append({**cell, **numbers})
    made = tabulate(metrics, {"data": "none", "weights": "none"})
    table = pd.read_csv(io.StringIO(made.to_csv(index=False)))
    assert "| 50.0 |" in markdown(made)
    assert "beat the untuned features in 0 of 1 comparisons" in index.headline(table)
    assert index.by_case(table)[0]["unclear"] == 1
    assert [row["shares"][0]["text"] for row in index.table_rows(table) if row["names"][0] == "y"][-1] == "missing"
    assert " missing" in figures.bars(table, "recall@10")
    assert "perfectly calibrated" in figures.reliability(metrics)
    assert figures.history({}).startswith("<?xml")
