"""A cluster where nothing keeps accounts (no slurmdbd), and no rule is given a GPU."""

import pytest

from tests.cluster.workflow import Project, ask

PROFILE = "config/profiles/slurm_cpu"

pytestmark = pytest.mark.usefixtures("cluster_without_accounts")


def test_a_shard_is_made_without_a_gpu(shard: Project, undisturbed: Project):
    shard.finish("results/smoke/models/emoji_seen/test_0000.json", profile=PROFILE)
    models = "results/smoke/models/emoji_seen/*"
    assert shard.hashes(models) == undisturbed.hashes(models)
    queue = ask("squeue", "--states=all", "--noheader", "--format=%P %b %k")
    assert [line.split() for line in queue.splitlines()] == [
        ["cpu", "N/A", "rule_finetune_wildcards_smoke_emoji_seen_test_0000"]
    ]


def test_the_check_knows_which_profile_fits(project: Project):
    fits = project.check("--profile", PROFILE)
    assert fits.returncode == 0, fits.stderr
    other = project.check("--profile", "slurm")
    assert other.returncode == 1
    assert other.stderr.startswith(
        "error: config/profiles/slurm/config.yaml: slurm-status-command: 'sacct' knows no jobs"
    )
    assert len(other.stderr.strip().splitlines()) == 1
