"""The report of the synthetic study: complete, self-contained, escaped."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from workflow_scripts.reporting import index


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


def test_table_rows_show_shares_in_percent(reported):
    rows = index.table_rows(pd.read_csv(reported.report("table.csv")))
    tuned = next(row for row in rows if row["names"][:4] == ["seen", "llm", "pixels", "linear"])
    assert tuned["shares"][1]["text"] == "100.0" and tuned["shares"][1]["sort"] == 1
    assert 0 < float(tuned["influence"]["text"]) <= 100
    assert tuned["gain"]["text"].startswith("+") and " to " in tuned["gain"]["note"] and "p = " in tuned["gain"]["note"]
    assert next(row for row in rows if row["random"])["influence"]["text"] == ""
