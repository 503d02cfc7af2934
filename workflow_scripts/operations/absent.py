"""Results that a command asks for and that are not here: no remote needs to keep all of them."""

from pathlib import Path

from workflow_scripts.operations.jobs import jobs
from workflow_scripts.study import checks, layout


def check(file: Path) -> None:
    """Raises `ValueError` if a study's result is not here; the message has the command that makes it."""
    if file.exists():
        return
    for study in checks.STUDIES.glob("*.yaml"):
        if file.is_relative_to(layout.folder(study.stem)):
            for job in jobs(checks.named_study(study.stem, Path())):
                if str(file) in (*job.outputs, *job.parts):
                    command = f"{layout.COMMAND.format(study=study.stem)} -- {job.outputs[0]}"
                    raise ValueError(f"{file}: not here; a remote need not keep it, and this makes it: {command}")
