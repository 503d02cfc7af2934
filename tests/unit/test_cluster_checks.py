"""What a cluster offers, by what its commands say, and what it lacks of a profile's wishes."""

import math
import re
from pathlib import Path

import pytest
import yaml

from tests import projects
from workflow_scripts.operations import slurm_offers
from workflow_scripts.operations.slurm_offers import Partition, Request

PLAN = """Building DAG of jobs...
[Tue Nov 24 18:24:47 2026]
rule finetune:
    input: a
    threads: 4
    resources: tmpdir=<TBD>, mem_mb=24000, mem=24 GB, slurm_partition=gpu, runtime=2160, gpu=1, gpu_model=a100

[Tue Nov 24 18:24:47 2026]
rule plot:
    input: b
    resources: tmpdir=<TBD>, mem_mb=2000, mem=2 GB, slurm_partition=cpu, runtime=20
[Tue Nov 24 18:24:47 2026]
localrule models:
    input: a
    threads: 2
    resources: tmpdir=<TBD>, slurm_partition=cpu
"""


@pytest.mark.parametrize(
    ("generic", "expected"),
    [
        ("(null)", {}),
        ("gpu:a100:4", {"a100": 4}),
        ("gpu:a100:4(S:0-1),shard:8", {"a100": 4}),
        ("gpu:8", {"gpu": 8}),
        ("lustre:1,gpu:v100:2,gpu:a100_80gb:2(IDX:0-1)", {"v100": 2, "a100_80gb": 2}),
    ],
)
def test_gpus_are_read_from_generic_resources(generic: str, expected: dict):
    assert slurm_offers.gpus(generic) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("infinite", math.inf), ("2-00:00:00", 2880), ("12:30:00", 750), ("30:00", 30), ("1-06:00:30", 1800.5)],
)
def test_time_limits_are_read(limit: str, expected: float):
    assert slurm_offers.minutes(limit) == expected


def test_a_partition_offers_what_the_best_of_its_nodes_does():
    nodes = "gpu|16|64000|gpu:a100:2|2-00:00:00\ngpu|64|512000|gpu:v100:4|2-00:00:00\ncpu|8|16000|(null)|infinite\n"
    assert slurm_offers.partitions(nodes) == {
        "gpu": Partition(64, 512000, 2880, {"a100": 2, "v100": 4}),
        "cpu": Partition(8, 16000, math.inf, {}),
    }


def test_requests_are_read_from_a_plan():
    finetune, plot = slurm_offers.parse_plan(PLAN)
    assert (finetune.rule, finetune.threads, finetune.gpus, finetune.partition) == ("finetune", 4, 1, "gpu")
    assert (finetune.resources["runtime"], finetune.resources["mem_mb"]) == (2160, 24000)
    assert (plot.rule, plot.threads, plot.gpus, plot.partition) == ("plot", 1, 0, "cpu")


def test_the_last_attempt_asks_for_three_times_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(projects.copy_project(tmp_path / "project"))
    first, last = (
        {request.rule: request for request in slurm_offers.requests(Path("config/profiles/slurm"), n, ["study=smoke"])}
        for n in (1, 3)
    )
    assert first.keys() == last.keys()
    for rule, request in first.items():
        assert last[rule].resources["mem_mb"] == 3 * request.resources["mem_mb"]
        assert last[rule].resources["runtime"] == 3 * request.resources["runtime"]
    assert (first["sample"].threads, first["sample"].gpus, first["sample"].partition) == (2, 1, "gpu")
    assert (first["evaluate"].threads, first["evaluate"].gpus, first["evaluate"].partition) == (1, 0, "cpu")


def test_a_wish_that_is_not_met_names_the_key_that_holds_it():
    profile = {"default-resources": {"slurm_partition": "gpus"}, "set-resources": {"sample": {"gpu_model": "a100"}}}
    gpus = {"slurm_partition": "gpu", "gpu": 1, "gpu_model": "a100"}
    asked = [
        Request("sample", 4, {**gpus, "runtime": 2160}),
        Request("finetune", 8, {**gpus, "gpu_model": "v100", "runtime": 2160, "mem_mb": 90000}),
        Request("plot", 1, {"slurm_partition": "gpus", "mem_mb": 10**9}),
        Request("gallery", 1, {"slurm_partition": "gpus"}),
    ]
    found = slurm_offers.request_problems(profile, asked, {"gpu": Partition(4, 64000, 1440, {"v100": 4})})
    assert [f"{keys}: {problem}" for problem, keys in found.items()] == [
        "['set-resources.sample.gpu_model']: no node of partition 'gpu' has 1 gpu:a100; GPUs of its nodes: gpu:v100:4",
        "['set-resources.finetune.runtime']: 2160 minutes, in the last attempt, exceed the 1440 of partition 'gpu'",
        "['set-resources.finetune.mem_mb']: 90000 MB, in the last attempt, exceed the 64000 of partition 'gpu'",
        "['set-threads.finetune']: 8 CPUs, in the last attempt, exceed the 4 of partition 'gpu'",
        "['default-resources.slurm_partition']: 'gpus' is no partition of this cluster; partitions: gpu",
    ]


@pytest.mark.parametrize(
    ("command", "storage", "age", "expected"),
    [
        ("sacct", "slurmdbd", 300, ""),
        ("sacct", "none", 300, "'sacct' knows no jobs"),
        ("squeue", "none", 300, ""),
        ("squeue", "none", 60, "'squeue' forgets jobs 60 seconds after"),
    ],
)
def test_a_command_that_cannot_tell_states_is_refused(command: str, storage: str, age: int, expected: str):
    settings = f"AccountingStorageType   = accounting_storage/{storage}\nMinJobAge               = {age} sec\n"
    problem = slurm_offers.status_problem(command, settings)
    assert problem.startswith(expected)
    assert bool(problem) == bool(expected)


@pytest.mark.parametrize("name", ["slurm", "slurm_cpu"])
def test_profiles_name_every_rule_that_wants_a_gpu_and_no_other(name: str):
    profile = yaml.safe_load((projects.ROOT / "config/profiles" / name / "config.yaml").read_text())
    text = "".join(file.read_text() for file in (projects.ROOT / "rules").glob("*.smk"))
    own = {rule.partition(":")[0] for rule in re.split(r"^rule ", text, flags=re.MULTILINE)[1:] if "gpu=1" in rule}
    inherited = {new for old, new in re.findall(r"^use rule (\w+) as (\w+) with", text, re.MULTILINE) if old in own}
    assert profile["set-resources"].keys() == own | inherited
    assert profile.get("set-threads", {}).keys() <= own | inherited


def test_the_link_that_the_profile_is_called_by_leads_to_it():
    assert (projects.ROOT / "slurm").resolve() == projects.ROOT / "config/profiles/slurm"
    assert Path(projects.ROOT / "slurm/config.yaml").is_file()
