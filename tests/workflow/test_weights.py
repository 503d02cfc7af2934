"""Weights that are not there are planned to be downloaded; those that are there, are not."""

from pathlib import Path

from tests import projects

REVISION = "data/hub/someone/model/" + "0123456789" * 4
ENCODER = """
  sscd:
    path: data/weights/sscd_disc_mixup.torchscript.pt
    sha256: null
    precision: auto
    version: 1
  pixels:"""


def rows(project: Path) -> list[str]:
    """Rule and output of what the smoke study lacks, one a line."""
    return sorted(
        f"{rule} {output}" for output, rule in projects.pending(project).items() if rule.startswith("download")
    )


def test_a_study_plans_the_download_of_its_weights(tmp_path: Path):
    project = projects.copy_project(tmp_path / "project")
    study = project / "config/studies/smoke.yaml"
    text = study.read_text().replace("path: data/base_model ", f"path: {REVISION} ", 1)
    text = text.replace("revision: null", f"revision: {Path(REVISION).name!r}", 1)
    study.write_text(text.replace("\n  pixels:", ENCODER, 1))
    weights = "data/weights/sscd_disc_mixup.torchscript.pt"
    assert rows(project) == [f"download {REVISION}.json", f"download_weights {weights}"]
    (project / weights).parent.mkdir()
    (project / weights).touch()
    (project / REVISION).parent.mkdir(parents=True)
    (project / f"{REVISION}.json").touch()
    assert rows(project) == []


def test_a_run_that_would_learn_from_damaged_weights_is_refused_in_one_line(tmp_path: Path):
    project = projects.copy_project(tmp_path / "project")
    recorded = f"stages:\n  clip_mini:\n    outs:\n    - path: data/clip_mini\n      md5: {'0' * 32}.dir\n"
    (project / "dvc.lock").write_text(recorded)
    reads_it = "results/smoke/features/clip_mini/distractors.safetensors"
    refused = projects.snakemake(project, "--quiet", "all", "--config", "study=smoke", "--", reads_it)
    assert refused.returncode == 1
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(
        "error: data/clip_mini: damaged input: is not what dvc.lock says (if the change is yours: dvc commit --force "
        "data/clip_mini); rm -r data/clip_mini && dvc pull data/clip_mini && find data/clip_mini -type f -exec touch"
    )
    assert not (project / "results/smoke/features").exists()
    projects.run(project, "--", "results/smoke/exemplars/emoji_seen.parquet")
