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
