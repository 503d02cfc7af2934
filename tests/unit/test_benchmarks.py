"""What the benchmarks' figures rest on: turns, spreads, ratios, and the tables made of them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import _compare, _tables, dag, rank
from tests import projects
from workflow_scripts.study import checks, schema


def test_contenders_take_turns_and_ratios_are_taken_within_a_turn():
    turns = []
    seconds = {"ours": iter([1.0, 2.0, 4.0]), "peer": iter([10.0, 10.0, 80.0])}

    def contender(name):
        return lambda: turns.append(name) or {"s": next(seconds[name])}

    costs = _compare.interleave({name: contender(name) for name in seconds}, repetitions=3)
    assert turns == ["ours", "peer"] * 3
    found = _compare.compare(costs, "ours", "peer", "s", "work", "s", goal=5.0)
    assert found.ours_cost == _compare.Spread(2.0, 1.0, 4.0)
    assert found.ratio == _compare.Spread(10.0, 5.0, 20.0)  # of 10, 5 and 20; not 10 / 2
    assert _tables.times(vars(found.ratio)) == "**10** (5–20)"


def test_a_command_is_measured_whole_and_its_failure_told():
    code = "import json; block = b'x' * 60_000_000; print('bla'); print(json.dumps({'loss': 1.5}))"
    cost = _compare.run([sys.executable, "-c", code], lambda out: json.loads(out.splitlines()[-1]))
    assert cost["loss"] == 1.5 and 0 < cost["cpu"] < 60 and cost["peak"] > 57
    with pytest.raises(ValueError, match="no such day"):
        _compare.run([sys.executable, "-c", "raise SystemExit('no such day')"], lambda out: {})


def test_memory_held_within_a_block_is_seen():
    """In a process of its own: one that has freed much memory need not ask for more."""
    code = """
from benchmarks.rank import Peak, np
with Peak() as peak:
    block = np.ones(20_000_000, np.float32)  # 80 MB
    block.sum(), peak._ends.wait(0.1)
print(peak.bytes)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=projects.ROOT, capture_output=True, text=True, check=True)
    assert 70e6 < int(done.stdout) < 150e6


def test_the_slow_peer_ranks_as_we_do():
    queries, distractors, exemplars = (rank.unit_rows(count, seed) for seed, count in enumerate((4, 300, 4)))
    found = rank.ranking.rank(queries, distractors, exemplars, np.arange(4)[:, None], 1)
    np.testing.assert_array_equal(rank.sort_each(queries, distractors, exemplars), found.ranks[:, 0])


def test_the_planned_study_has_the_papers_numbers(tmp_path):
    project = projects.copy_project(tmp_path / "project")
    dag.write_study(project, 16)
    study = checks.load_study(schema.read_yaml(project / f"config/studies/{dag.STUDY}.yaml"), project)
    counts = {case: [len(models) for models in study.cases[case].models.values()] for case in study.cases}
    assert counts == {
        "imagenet_seen": [4744, 593, 593],
        "imagenet_unseen": [0, 0, 1000],
        "bamfg": [10_607, 250, 250],
        "artchive": [0, 0, 255],
    }
    assert sum(map(sum, counts.values())) == 18_292
