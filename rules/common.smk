"""What the rules share: their input and params functions. All that can be tested lives in workflow_scripts."""

import re

from workflow_scripts import alone, checks, cluster, weights
from workflow_scripts import settings as rule_settings
from workflow_scripts.cli import canonical_json
from workflow_scripts.config import ID, SPLITS
from workflow_scripts.reporting import FIGURES, TABLES

ROOT = Path(workflow.basedir)


def in_project(path):
    """A path beside the Snakefile, whatever the working directory."""
    return os.path.relpath(os.path.join(workflow.basedir, path))


def checked(function, *arguments):
    """What a function returns; the user's mistakes end the run, one line each and without a traceback."""
    try:
        return function(*arguments)
    except ValueError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


def one_of(names):
    """A regular expression that matches these names only."""
    return "|".join(map(re.escape, names))


def settings(rule, *wildcards_used):
    """The settings of a rule as one JSON object, for the values that these wildcards take."""
    make = getattr(rule_settings, rule)
    return lambda wildcards: canonical_json(make(STUDY, **{name: wildcards[name] for name in wildcards_used}))


def growing(amount):
    """A resource that grows with each attempt at a job: it may have run out of memory or of time."""
    return lambda wildcards, attempt: amount * attempt


def memory(rule, amount):
    """The memory of a rule's jobs, in megabytes: `amount`, unless the study says otherwise."""
    return growing(config.get("memory_mb", {}).get(rule, amount))


def base_model_files(wildcards):
    """The files of the base model, or its manifest. Jobs alone ask, for a study may have none."""
    return weights.needed(config["base_model"]["path"])


def base_model_folder(wildcards):
    """The folder of the base model."""
    return config["base_model"]["path"]


def output_folder(wildcards, output):
    """The folder that a step fills."""
    return os.path.dirname(output[0])


def shown_heads(pattern, **fixed):
    """The files of the head that the report shows, for every encoder."""
    return over_heads(pattern, **{**rule_settings.shown(STUDY), **fixed})


def encoder_weights(wildcards):
    """The weights of an encoder that reads them from a path; those of the others come with their package."""
    path = config["encoders"][wildcards.encoder].get("path")
    return weights.needed(path) if path else []


def released(kind):
    """A released file of an encoder; none of the untuned head, nor where the study says null."""

    def file(wildcards):
        name = config["release"]["encoders"][wildcards.encoder][kind]
        return os.path.join(config["release"]["path"], name) if name and wildcards.get("head") != "identity" else []

    return file


def over_cases(pattern):
    """The file of each case of the job: its own, or those of its training set."""
    return lambda wildcards: [fill(pattern, wildcards, case=case) for case in cases_of(wildcards)]


def over_shards(pattern, *splits):
    """The file of each shard of these splits, for each case of the job."""
    return lambda wildcards: [
        fill(pattern, wildcards, case=case, shard=shard)
        for case in cases_of(wildcards)
        for split in splits
        for shard in STUDY.shards(case, split)
    ]


def over_blocks(pattern):
    """The file of each block of regularization that the models of a shard need."""
    return lambda wildcards: [
        fill(pattern, wildcards, block=block) for block in STUDY.blocks_of(wildcards.case, wildcards.shard)
    ]


def over_study(pattern, splits=SPLITS, kind=None):
    """Every file of the study, or of one kind of cases, that a pattern with `case`, `shard` or `encoder` stands for."""
    return sorted(
        {
            pattern.format(study=STUDY.name, case=case, shard=shard, encoder=encoder)
            for case in STUDY.cases
            if kind in (None, STUDY.cases[case].kind)
            for split in splits
            for shard in STUDY.shards(case, split)
            for encoder in config["encoders"]
        }
    )


def over_heads(pattern, **fixed):
    """Every file of a fitted head that a pattern stands for: for each method, encoder, head, training set and case."""
    names = {"study": STUDY.name, "method": config["methods"], "encoder": config["encoders"], "case": STUDY.test_cases}
    return list(
        dict.fromkeys(
            file
            for head, training_set in STUDY.fitted
            for file in expand(pattern, **{**names, "head": head, "training_set": training_set, **fixed})
        )
    )


def every_case(pattern, cases=None):
    """The file of every case of the study, or of these."""
    return lambda wildcards: [fill(pattern, wildcards, case=case) for case in cases or sorted(STUDY.cases)]


def cases_of(wildcards):
    """The case of a job, or the cases of its training set."""
    return [wildcards.case] if "case" in wildcards.keys() else STUDY.training_sets[wildcards.training_set].cases


def fill(pattern, wildcards, **more):
    """A pattern with the job's wildcards, and those that the job ranges over, filled in."""
    return pattern.format(**{**dict(wildcards.items()), **more})
