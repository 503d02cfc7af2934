"""cluster_check on a real Slurm: a good profile passes, and each mistake is one line that names its key."""

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.cluster.workflow import Project
from tests.projects import ROOT

FILE = "config/profiles/slurm/config.yaml"

pytestmark = pytest.mark.usefixtures("cluster")


def test_a_good_profile_passes_and_is_told_what_was_checked(project: Project):
    done = project.check("--profile", "slurm")
    assert done.returncode == 0, done.stderr
    for told in (
        "weights: on disk",
        "sbatch accepts",
        "partition gpu sees",
        "partition cpu sees",
        "; locks hold on all",
        f"with {FILE}",
    ):
        assert told in done.stdout


@pytest.mark.parametrize(
    ("value", "wrong", "expected"),
    [
        (
            "slurm_partition: cpu",
            "slurm_partition: cpus",
            "default-resources.slurm_partition: 'cpus' is no partition of this cluster; partitions: cpu, gpu",
        ),
        (
            "gpu_model: a100",
            "gpu_model: h100",
            "set-resources.regularization.gpu_model and 5 more: no node of partition 'gpu' has 1 gpu:h100; "
            "GPUs of its nodes: gpu:a100:1",
        ),
        (
            "&gpu {slurm_partition: gpu",
            "&gpu {slurm_partition: cpu",
            "set-resources.regularization.gpu_model and 5 more: no node of partition 'cpu' has 1 gpu:a100; "
            "GPUs of its nodes: none",
        ),
        (
            "slurm_account: lab",
            "slurm_account: laboratory",
            "default-resources.slurm_account: 'laboratory': The given account laboratory appears to be invalid. "
            "Available accounts: (root, lab|lab, root)",
        ),
        (
            "# slurm-qos: normal",
            "slurm-qos: urgent",
            r"jobs of \w+ and \d+ more: sbatch: .*Invalid qos specification",
        ),
        (
            "gpu_model: a100}",
            "gpu_model: a100, runtime: 5000}",
            "set-resources.regularization.runtime and 5 more: 5000 minutes, in the last attempt, exceed the 2880 of "
            "partition 'gpu'",
        ),
        (
            "gpu_model: a100}",
            "gpu_model: a100, mem_mb: 99000}",
            "set-resources.regularization.mem_mb and 5 more: 99000 MB, in the last attempt, exceed the 64000 of "
            "partition 'gpu'",
        ),
        ("  sample: 2", "  sample: 32", "set-threads.sample: 32 CPUs, in the last attempt, exceed the 8 of"),
    ],
)
def test_a_mistake_in_the_profile_is_one_line(project: Project, value: str, wrong: str, expected: str):
    file = project.folder / FILE
    assert value in file.read_text()
    file.write_text(file.read_text().replace(value, wrong))
    done = project.check("--profile", "slurm", "--no-jobs")
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert re.match(f"error: {FILE}: {expected}", done.stderr), done.stderr


def test_missing_weights_are_named(project: Project):
    data = project.folder / "data"
    data.unlink()
    shutil.copytree(ROOT / "data", data, ignore=shutil.ignore_patterns("unet"))
    shutil.rmtree(data / "clip_mini")
    done = project.check("--profile", "slurm", "--no-jobs")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(
        "error: config/studies/smoke.yaml: base_model.path: data/base_model: not a base model, lacks"
    )
    assert second.startswith("error: config/studies/smoke.yaml: encoders.clip_mini.path: 'data/clip_mini' is missing")


def test_a_machine_without_slurm_is_told_so(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(project.folder))
    done = project.check("--profile", "slurm")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {FILE}: executor: 'slurm' needs sinfo, sbatch")


@contextmanager
def mounted(cluster: slurm.Cluster, *mount: str) -> Iterator[None]:
    """For a while, the node cpu01 sees something else in a place."""
    cluster.stop("cpu01")
    cluster.start_node("cpu01", "unshare", "--mount", "sh", "-c", f'mount {shlex.join(mount)} && exec "$@"', "sh")
    cluster.wait_for("sinfo", "--noheader", "--nodes=cpu01", "--format=%T", output="idle")
    try:
        yield
    finally:
        cluster.stop("cpu01")
        cluster.start_node("cpu01")


def test_a_node_that_does_not_see_the_folder_is_named(project: Project, cluster: slurm.Cluster):
    with mounted(cluster, "-t", "tmpfs", "none", str(project.folder.parent)):
        done = project.check("--profile", "slurm")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: {FILE}: node cpu01 of partition 'cpu' does not see {project.folder}; "
        "the project must lie on a file system that all nodes share"
    )


def test_a_node_that_does_not_see_results_is_named(project: Project, cluster: slurm.Cluster):
    results = project.folder / "results"
    results.mkdir()
    with mounted(cluster, "-t", "tmpfs", "none", str(results)):
        done = project.check("--profile", "slurm")
    assert done.returncode == 1
    assert f"node cpu01 of partition 'cpu' does not see {results}; results must" in done.stderr


def test_locks_that_other_nodes_do_not_see_are_told(project: Project, cluster: slurm.Cluster, tmp_path: Path):
    """A layer above the real folder has the same files, but locks of its own, like Lustre mounted with `localflock`."""
    folders = {name: tmp_path / name for name in ("upper", "work")}
    results = project.folder / "results"
    results.mkdir()
    for folder in folders.values():
        folder.mkdir()
    options = f"lowerdir={results},upperdir={folders['upper']},workdir={folders['work']}"
    with mounted(cluster, "-t", "overlay", "-o", options, "none", str(results)):
        done = project.check("--profile", "slurm")
    assert done.returncode == 0, done.stderr
    assert "a node of partition cpu sees them; locks hold on one node only; never start a second run" in done.stdout
    assert "a node of partition gpu sees them; locks hold on all nodes" in done.stdout
