"""Paths of results, for code that does not ask Snakemake; a test compares them with the rules. And what makes them."""

from pathlib import Path

EXEMPLARS = "results/{study}/exemplars/{case}.parquet"  # these four: of the commands in a sample's lineage
MODELS = "results/{study}/models/{case}/{shard}.json"
SAMPLES = "results/{study}/samples/{case}/{shard}.json"
SAMPLE_FEATURES = "results/{study}/features/{encoder}/samples/{case}/{shard}.safetensors"
LOG = "results/{study}/logs/{record}.log"
BENCHMARK = "results/{study}/benchmarks/{record}.tsv"
JOBS = "jobs.json.gz"  # the list of the study's jobs
PLAN = ("plan.md", "plan.csv")
# The rules that the report does not need.
FOR_ITSELF = ("plan", "publish", "measure_gates", "measure_customizability", "measure_low_rank")
PROFILE = "config/profiles/default"
COMMAND = f"snakemake --profile {PROFILE} --config study={{study}}"  # what makes a study's files


def folder(study: str) -> Path:
    """The folder of a study's results."""
    return Path("results", study)


def without_job(study: str) -> list[Path]:
    """Files in the folder that no job of the report makes."""
    logs = [LOG.format(study=study, record=rule) for rule in FOR_ITSELF]
    return [*(folder(study) / name for name in (JOBS, *PLAN)), *map(Path, logs)]
