"""Copies of the project in which Snakemake can be asked and run in seconds: data and steps are stand-ins."""

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "envs", "report", "rules", "workflow_scripts")
DATA = (
    "corpus/drawings.parquet",
    "corpus/twins.parquet",
    "corpus/ATTRIBUTION.md",
    "base_model/unet/diffusion_pytorch_model.safetensors",
    "clip_mini/open_clip_model.safetensors",
    "dino_mini/model.safetensors",
)
STAND_IN = '''"""Stands in for a step: writes its command line, and the hash of its settings, into its files."""
import hashlib
import json
import sys
from pathlib import Path

settings = dict(zip(sys.argv, sys.argv[1:])).get("--settings", "{}")
if settings == "-":
    settings = sys.stdin.read().strip()
text = json.dumps({"command": sys.argv, "settings_hash": hashlib.sha256(settings.encode()).hexdigest()[:16]})
for flag, value in zip(sys.argv, sys.argv[1:]):
    names = [""] if flag in ("--output", "--history", "--markdown", "--provenance") else []
    if flag == "--output-dir":
        from workflow_scripts.reporting import FIGURES
        names = [f"{figure}.svg" for figure in FIGURES]
    if flag == "--tables" and "--markdown" in sys.argv:
        from workflow_scripts.reporting import TABLES
        names = [f"{table}.csv" for table in TABLES]
    if flag == "--summary":
        heads = [file.split("/")[3:6] for file in sys.argv if "/metrics/" in file]
        names = [f"{method}.{encoder}.{head}.json" for method, encoder, head in heads]
    for name in names:
        Path(value, name).parent.mkdir(parents=True, exist_ok=True)
        Path(value, name).write_text(text)
'''


def copy_project(folder: Path) -> Path:
    """A copy of the project with small files for data, and stand-ins for steps."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    for name in DATA:
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text(name)
    for step in (folder / "workflow_scripts/steps").glob("[!_]*.py"):
        step.write_text(STAND_IN)
    return folder


def snakemake(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Runs Snakemake in a project."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def run(project: Path, *arguments: str) -> None:
    """Runs the smoke study of a project to its end."""
    done = snakemake(project, "--quiet", "all", "--config", "study=smoke", *arguments)
    assert done.returncode == 0, done.stderr


def pending(project: Path, *arguments: str) -> dict[str, str]:
    """Rule by output, for the outputs of the smoke study that Snakemake would make now."""
    done = snakemake(project, "--summary", "--config", "study=smoke", *arguments)
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout), delimiter="\t")
    return {row["output_file"]: row["rule"] for row in rows if row["plan"] == "update pending"}
