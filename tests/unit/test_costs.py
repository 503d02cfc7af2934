"""What jobs are expected to cost, by hand-computed figures."""

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.projects import ROOT
from workflow_scripts.ground_truth import shards
from workflow_scripts.operations import costs, forecast, progress
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.reporting import plan
from workflow_scripts.study import checks, schema, settings
from workflow_scripts.study.study import Study

JOBS = [
    Job("finetune", "smoke", f"finetune/{name}", (name,), size=size, gpu=True)
    for name, size in zip("abc", (4, 2, 1), strict=True)
]


@pytest.fixture
def study() -> Study:
    return checks.named_study("smoke", ROOT)


def surveyed(done: list[Job], to_do: list[Job]) -> progress.Survey:
    return progress.Survey(dict.fromkeys(done), {}, dict.fromkeys(to_do))


def with_priors(study: Study, **priors: dict[str, float]) -> Study:
    return replace(study, sections={**study.sections, "costs": priors})


def test_without_priors_jobs_cost_in_proportion_to_their_size(study: Study):
    """6 models took 60 seconds, so the seventh takes 10."""
    found = costs.expect(with_priors(study), JOBS, {"finetune/a": 44, "finetune/b": 16}, costs.SECONDS)
    assert found.by_record == pytest.approx({"finetune/a": 44, "finetune/b": 16, "finetune/c": 10})
    assert found.total(JOBS) == pytest.approx(70)
    assert found.basis(JOBS) == "measured, 2 of 3 jobs"


def test_before_any_job_is_done_the_priors_are_expected(study: Study):
    given = with_priors(study, finetune={"job_seconds": 5, "unit_seconds": 10})
    found = costs.expect(given, JOBS, {}, costs.SECONDS)
    assert found.by_record == pytest.approx({"finetune/a": 45, "finetune/b": 25, "finetune/c": 15})
    assert found.basis(JOBS) == "prior"


def test_jobs_that_are_done_set_the_scale_of_the_priors(study: Study):
    """Priors of 45 and 25 seconds became 100 and 40: all takes twice as long."""
    given = with_priors(study, finetune={"job_seconds": 5, "unit_seconds": 10})
    found = costs.expect(given, JOBS, {"finetune/a": 100, "finetune/b": 40}, costs.SECONDS)
    assert found.by_record["finetune/c"] == pytest.approx(30)


def test_storage_has_priors_of_its_own(study: Study):
    given = with_priors(study, finetune={"job_seconds": 5, "unit_mb": 3, "job_mb": 1})
    found = costs.expect(given, JOBS, {}, costs.MEGABYTES)
    assert found.total(JOBS) == pytest.approx(3 * 7 + 3)


def test_a_prior_of_nothing_does_not_hide_what_was_measured(study: Study):
    given = with_priors(study, finetune={"unit_mb": 1})
    found = costs.expect(given, JOBS, {"finetune/a": 8}, costs.SECONDS)
    assert found.by_record["finetune/c"] == pytest.approx(2)


def test_what_is_neither_measured_nor_given_is_unknown(study: Study):
    found = costs.expect(with_priors(study), JOBS, {}, costs.SECONDS)
    assert found.total(JOBS) is None
    assert found.basis(JOBS) == "unknown"
    assert costs.wall_time(found, JOBS, 8) is None


def test_wall_time_is_that_of_rules_one_after_the_other_none_shorter_than_its_longest_job():
    sampled = [Job("sample", "smoke", f"sample/{name}", (name,)) for name in "abc"]
    seconds = dict(zip((job.record for job in [*JOBS, *sampled]), (60, 20, 10, 30, 30, 30), strict=True))
    known = costs.Costs(seconds, frozenset())
    assert costs.wall_time(known, [*JOBS, *sampled], 1) == pytest.approx(180)
    assert costs.wall_time(known, [*JOBS, *sampled], 2) == pytest.approx(60 + 45)
    assert costs.wall_time(known, [*JOBS, *sampled], 256) == pytest.approx(60 + 30)


def test_seconds_come_from_snakemakes_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for job, text in zip(JOBS, ("s\th:m:s\tmax_rss\n96.74\t0:01:36\t-\n", "s\th:m:s\n"), strict=False):
        Path(job.benchmark).parent.mkdir(parents=True, exist_ok=True)
        Path(job.benchmark).write_text(text)
    assert costs.read_seconds(JOBS) == {"finetune/a": 96.74}


def test_a_shard_that_was_interrupted_tells_nothing_of_what_a_whole_one_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for job, found in zip(JOBS, (0, 1, 0), strict=True):
        for path, text in ((job.benchmark, "s\n5\n"), (job.log, f"1 files to make, {found} there already\nmore\n")):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)
    assert costs.read_seconds(JOBS) == {"finetune/a": 5, "finetune/c": 5}


def test_what_the_workers_of_shards_log_is_understood():
    message = re.search(r'log\.info\("(%d .* there already)"', inspect.getsource(shards.make))[1]
    assert costs.KEPT.search(message % (3, 2))[1] == "2"


def test_the_forecast_adds_up(study: Study):
    """7 models of 3,600 seconds each, of which 4 are done."""
    given = with_priors(study, finetune={"unit_seconds": 3600, "unit_mb": 1000})
    seconds = costs.expect(given, JOBS, {}, costs.SECONDS)
    table = forecast.expected(
        JOBS, surveyed(JOBS[:1], JOBS[1:]), seconds, costs.expect(given, JOBS, {"finetune/a": 8000}, costs.MEGABYTES)
    )
    row = dict(zip(table.columns, table.iloc[0], strict=True))
    assert (row["jobs"], row["done"], row["to_do"]) == (3, 1, 2)
    assert (row["gpu_hours"], row["cpu_hours"], row["hours_to_do"]) == (7, 0, 3)
    assert (row["gigabytes"], row["gigabytes_to_do"]) == (14, 6)
    assert (row["time_from"], row["size_from"]) == ("prior", "measured, 1 of 3 jobs")
    waits = forecast.waits(JOBS[1:], seconds).set_index("at_once")
    assert waits.loc[1].tolist() == [3, 0, 3] and waits.loc[256].tolist() == [2, 0, 2]


def test_a_sum_of_which_part_is_unknown_is_a_lower_bound(study: Study):
    known, unknown = JOBS, [Job("plot", "smoke", "plot", ("plot.svg",))]
    seconds = costs.Costs({job.record: 36000 for job in known}, frozenset())
    table = forecast.expected(
        [*known, *unknown], surveyed([], [*known, *unknown]), seconds, costs.Costs({}, frozenset())
    )
    dataset = plan.tabulate(settings.make("dataset_table", study), {})
    page = forecast.to_markdown("smoke", dataset, table, forecast.waits([*known, *unknown], seconds))
    cells = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in page.splitlines()
        if "|" in line
    }
    assert cells["all"][:7] == ["4", "0", "0", "4", "30", "> 0", "> 30"]
    assert cells["plot"][5:8] == ["-", "-", "unknown"]


def test_every_rule_of_a_study_can_have_a_prior(study: Study):
    described = schema.read_yaml(ROOT / checks.SCHEMA)["properties"]["costs"]["properties"]
    released = costs.by_rule(jobs(checks.named_study("abc_release", ROOT)))
    assert described.keys() == costs.by_rule(jobs(study)).keys() | released.keys()


@pytest.mark.parametrize("name", ["miniature", "smoke", "abc", "abc_release"])
def test_the_studies_say_what_each_rule_is_expected_to_cost(name: str):
    study = checks.named_study(name, ROOT)
    for kind in (costs.SECONDS, costs.MEGABYTES):
        expected = costs.expect(study, jobs(study), {}, kind)
        assert all(expected.total(listed) > 0 for listed in costs.by_rule(jobs(study)).values())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"finetine": {"job_mb": 1}}, "costs.finetine: unknown key, did you mean 'finetune'?"),
        ({"finetune": {"job_seconds": -1}}, "costs.finetune.job_seconds: -1 is less than the minimum of 0"),
        ({"finetune": {"seconds": 1}}, "costs.finetune.seconds: unknown key"),
    ],
)
def test_a_mistake_in_the_priors_is_named(study: Study, section: dict, message: str):
    found = schema.study_problems({**study.sections, "costs": section}, ROOT / checks.SCHEMA)
    assert len(found) == 1 and found[0].startswith(message)


def test_the_rules_that_ask_for_a_gpu_are_known():
    """As `rules/` say: those that run a network."""
    on_gpu = {job.rule for job in jobs(checks.named_study("smoke", ROOT)) if job.gpu}
    networks = {"regularization", "finetune", "sample", "embed_exemplars", "embed_distractors", "embed_samples"}
    assert on_gpu == networks
