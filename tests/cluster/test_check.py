"""cluster_check on a real Slurm: a good profile passes, and each mistake is one line that names its key."""

import re
import shutil

import pytest

from tests.cluster import slurm
from tests.cluster.workflow import Project
from tests.projects import ROOT

FILE = "config/profiles/slurm/config.yaml"

pytestmark = pytest.mark.usefixtures("cluster")


def test_a_good_profile_passes_and_is_told_what_was_checked(project: Project):
    done = project.check("--profile", "slurm")
    assert done.returncode == 0, done.stderr
    for told in ("weights: on disk", "sbatch accepts", "partition gpu sees", "partition cpu sees", f"with {FILE}"):
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


def test_a_node_that_does_not_see_the_folder_is_named(project: Project, cluster: slurm.Cluster):
    hidden = project.folder.parent
    cluster.stop("cpu01")
    cluster.start_node("cpu01", "unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh")
    cluster.wait_for("sinfo", "--noheader", "--nodes=cpu01", "--format=%T", output="idle")
    try:
        done = project.check("--profile", "slurm")
    finally:
        cluster.stop("cpu01")
        cluster.start_node("cpu01")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: {FILE}: node cpu01 of partition 'cpu' does not see {project.folder}; "
        "the project must lie on a file system that all nodes share"
    )
