"""What the rules share: names, settings and resources."""

import atexit
import itertools
import re
from functools import cache, partial

from workflow_scripts.cli import canonical_json
from workflow_scripts.operations import alone, dates, slurm_executor, slurm_queue
from workflow_scripts.reporting import FIGURES, TABLES
from workflow_scripts.study import checks, weights
from workflow_scripts.study import settings as rule_settings
from workflow_scripts.study.settings.report import Shown, seen, summarized
from workflow_scripts.study.study import ID, SPLITS, UNTUNED

ROOT = Path(workflow.basedir)


def in_project(path):
    """A path beside the Snakefile, whatever the working directory."""
    return os.path.relpath(os.path.join(workflow.basedir, path))


def checked(function, *arguments):
    """What a function returns; a `ValueError` ends the run with its lines and without a traceback."""
    try:
        return function(*arguments)
    except ValueError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


def no_file_but_a_look_at_data(wildcards):
    """Names the data that are missing below all that Snakemake says, and ends a run that asks too much of its folders."""
    if workflow.is_main_process:  # not the jobs, and not who only asks for the list of jobs
        look_at_data()
    return []


@cache
def look_at_data():
    if lines := [f"missing: {line}" for line in checks.missing_data(STUDY)]:
        atexit.register(print, *lines, sep="\n", file=sys.stderr)
    checked(checks.refuse_few_images, STUDY)


def one_of(names):
    """A regular expression that matches these names only."""
    return "|".join(map(re.escape, names))


def settings(rule, *wildcards_used):
    """The settings of a rule as one JSON object, for the values of these wildcards."""
    make = partial(rule_settings.make, rule, STUDY)
    return lambda wildcards: canonical_json(make(**{name: wildcards[name] for name in wildcards_used}).to_json())


def growing(amount):
    """A resource that grows with each attempt at a job, in case memory or time was too short."""
    return lambda wildcards, attempt: amount * attempt


def memory(rule, amount):
    """The memory of a rule's jobs, in megabytes: `amount`, unless the study says otherwise."""
    return growing(config.get("memory_mb", {}).get(rule, amount))


def output_folder(wildcards, output):
    """The folder that a step fills."""
    return os.path.dirname(output[0])


def pretraining(section):
    """The settings of an asset of the miniature as one JSON object."""
    return lambda wildcards: canonical_json({"seed": PRETRAINING["seed"], **PRETRAINING[section]})
