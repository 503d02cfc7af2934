"""The report of the synthetic study: complete, self-contained, escaped."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from tests import projects
from tests.unit import chain
from tests.unit.test_evaluate import SETTINGS, scores
from tests.unit.test_tabulate import results_of
from workflow_scripts import reporting
from workflow_scripts.evaluation import cells
from workflow_scripts.reporting import figures, findings, page
from workflow_scripts.reporting.table import markdown, tabulate
from workflow_scripts.steps import publish
from workflow_scripts.steps.plot import read_points
from workflow_scripts.study import checks
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.settings.evaluation import CaseToScore
from workflow_scripts.study.settings.report import Shown


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
    assert "The attribution method is feature_similarity." in text
    assert "tests generalise over test models only" in text
    shown_page = Page(text)
    parts = {name: pd.read_csv(reported.report(f"tables/{name}.csv")) for name in reporting.TABLES}
    shown = sum(part.shape[0] + 1 for part in parts.values() if len(part))
    results = results_of(pd.read_csv(reported.report("table.csv")), parts["calibration"], encoders=chain.ENCODERS)
    found = findings.findings(results)
    plan = len(shown_page.all("tr")) - shown - len(found) - 1 - 3 - 1  # and tables of findings and of cases
    assert plan >= 2 * 4
    links = {link["href"] for link in shown_page.all("a")}
    assert links >= {f"tables/{name}.csv" for name, part in parts.items() if len(part)}
    figures = {name for name in reporting.FIGURES if name not in parts or len(parts[name])}
    assert len(shown_page.all("figure")) == len(shown_page.all("svg")) == len(figures)
    assert "Drawn by &lt;b&gt;nobody&lt;/b&gt; &amp; friends." in text


def test_figures_are_reproducible_and_follow_the_ink(reported):
    svg = reported.report("figures/tuning.svg").read_text()
    assert "currentColor" in svg and "#010203" not in svg
    assert "<dc:date>" not in svg
    assert "seen, llm" in svg


def test_one_colour_means_one_thing_in_all_figures(reported):
    table = pd.read_csv(reported.report("table.csv"))
    colours = figures.palette(table)
    assert len(set(colours.values())) == len(colours)
    assert {*table["encoder"], *table["head"]} - {"random", "-"} <= colours.keys()
    drawn = {name: reported.report(f"figures/{name}.svg").read_text() for name in ("tuning", "learning_curve")}
    assert colours["linear"] in drawn["tuning"] and colours["linear"] not in drawn["learning_curve"]
    assert colours["pixels"] in drawn["learning_curve"] and colours["pixels"] not in drawn["tuning"]


def test_table_rows_show_shares_in_percent(reported):
    sections = page.sections(results_of(pd.read_csv(reported.report("table.csv"))), {})
    rows = next(section["table"]["rows"] for section in sections if section["name"] == "tuning")
    tuned = next(row for row in rows if row["names"] == ["seen", "llm", "feature_similarity", "pixels", "linear"])
    recall, gain, influence = tuned["numbers"][1], tuned["numbers"][4], tuned["numbers"][6]
    assert recall["text"] == "100.0" and recall["sort"] == 1
    assert gain["text"].startswith("+") and " to " in gain["note"] and "p = " in gain["note"]
    assert 0 < float(influence["text"]) <= 100
    assert next(row for row in rows if row["random"])["numbers"][6]["text"] == ""


def test_one_model_per_cell_has_no_intervals_but_a_report():
    """The smallest of studies: numbers without intervals, a head without its result in one case."""
    table = scores([[1], [30]], ["a", "a"], candidates=50)
    names = {"method": "feature_similarity", "encoder": "pixels", "training_set": "all", "share": 1.0}
    cases = {case: CaseToScore("object", sets=False) for case in "xy"}
    settings = replace(SETTINGS, cases=cases)
    untuned = {**names, "head": "identity", **cells.evaluate({"x": table, "y": table}, None, settings)}
    tuned = {**names, "head": "linear", **cells.evaluate({"x": table}, {"x": table}, settings)}
    made = tabulate([untuned, tuned], {"data": "none", "weights": "none"})
    results = results_of(pd.read_csv(io.StringIO(made.to_csv(index=False))))
    assert "| 50.0 |" in markdown(made)
    assert "beat the untuned features in 0 of 1 comparisons" in findings.headline(results)
    assert findings.by_case(results)[0]["better"] == "0"
    section = page.sections(results, {})[0]
    assert [row["numbers"][0]["text"] for row in section["table"]["rows"] if row["names"][0] == "y"][-1] == "missing"
    assert " missing" in reporting.question("tuning").figure(results)
    assert reporting.question("history").figure(results).startswith("<?xml")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> chain.Chain:
    """A study without a learned head, and with other K than the paper's."""
    shown = {**chain.SHOWN, "head": None, "recall_at": 5}
    made = chain.make_chain(tmp_path_factory.mktemp("plain"), shown=shown, recall_at=(1, 5))
    chain.evaluate_all(made)
    chain.report(made)
    return made


def test_without_a_learned_head_the_report_is_about_untuned_features(plain: chain.Chain):
    text = plain.report("index.html").read_text()
    assert re.search(r"<h1>Untuned features reach a Recall@5 of \d+\.\d % on average", text)
    assert "None" not in text and "nan" not in re.sub("<svg.*?</svg>", "", text, flags=re.DOTALL)
    anchors = re.findall(r'<h2 id="(\w+)"', text)
    answered = ["tuning", "difficulty", "protocols", "artists", "set_sizes", "reliability", "calibration"]
    assert anchors == ["findings", *answered, "plan"]
    gallery = plain.report("gallery.html").read_text()
    assert "Tuned" not in gallery and "None" not in gallery and "largest gain" not in gallery
    assert gallery.count("<ol>") == 2 * gallery.count("<article")
    assert "recall@5 (%)" in plain.report("figures/tuning.svg").read_text()
    summary = json.loads(plain.report("summary/feature_similarity.pixels.identity.json").read_text())
    assert set(summary["seen"]["llm"]) == {"recall@5", "mAP"}
    results = results_of(pd.read_csv(plain.report("table.csv")), head=None, recall_at=5)
    lines = publish.results_table(results).splitlines()
    assert re.fullmatch(r"\| seen \| llm \| 8 \| 32 \| \d+\.\d \| \d+\.\d \|", lines[2])


def shown(**sections: dict) -> dict:
    """What the report compares in the smoke study with other sections."""
    config = read_yaml(projects.ROOT / "config/studies/smoke.yaml")
    return Shown.of(checks.load_study(config | sections, projects.ROOT)).to_json()


def test_what_is_compared_comes_from_the_study():
    names = shown()
    assert names["encoders"] == ["clip_mini", "pixels"]  # not the one that reads the prompt
    assert (names["head"], names["training_set"], names["untuned_set"]) == ("linear", "object+style", "object+style")
    assert names["one_kind"] == {"object_50": "object"} and names["recall_at"] == 10
    sets = {"a": {"cases": ["emoji_seen"], "heads": ["identity"]}, "b": {"cases": ["emoji_seen"], "heads": ["channel"]}}
    heads = {
        name: read_yaml(projects.ROOT / "config/studies/smoke.yaml")["heads"][name] for name in ("identity", "channel")
    }
    names = shown(training_sets=sets, heads=heads)
    assert (names["head"], names["training_set"], names["untuned_set"]) == ("channel", "b", "a")


def test_a_study_may_have_no_learned_head_and_any_recall():
    evaluation = {"recall_at": [1, 5], "splits": ["test"], "bootstrap": 50, "version": 1}
    sets = {"all": {"cases": ["emoji_seen"]}}
    names = shown(heads={"identity": {"version": 1}}, training_sets=sets, evaluation=evaluation)
    assert (names["head"], names["training_set"], names["recall_at"]) == (None, "all", 5)


def test_the_reliability_is_that_of_the_default_training_sets(reported):
    points = read_points([reported.metrics(*head) for head in reported.fitted])
    results = results_of(pd.read_csv(reported.report("table.csv")))
    others = points.assign(training_set="others", true=50.0)
    drawn = [
        reporting.question("reliability").figure(replace(results, points=rows))
        for rows in (points, pd.concat([points, others]), points.assign(true=50.0))
    ]
    assert drawn[0] == drawn[1] == reported.report("figures/reliability.svg").read_text() != drawn[2]
