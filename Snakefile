"""Attribution by Customization: make a benchmark of known influences on a text-to-image model, and score methods on it."""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, workflow.basedir)
os.environ.update(PYTHONPATH=workflow.basedir)  # jobs find the package from any working directory
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two jobs on two cores must not spin against each other


include: "rules/common.smk"
include: "rules/inputs.smk"


slurm_executor.use()  # before Snakemake makes its own


configfile: in_project(checked(checks.config_file, ROOT, workflow.overwrite_configfiles))
configfile: in_project(checked(checks.study_file, config.get("study"), ROOT))


STUDY = checked(checks.load_study, config, ROOT)
checked(checks.refuse_read_only, Path(".snakemake"))  # which a dry run needs, too
PRETRAINING = checked(checks.load_pretraining, ROOT)
PAGES = ["index.html", "table.md", *(["missing.json"] if STUDY.is_released else [])]
REPORT = [f"results/{STUDY.name}/report/{page}" for page in PAGES]


wildcard_constraints:
    study=STUDY.name,
    case=one_of(STUDY.cases),
    shard=ID.pattern,
    block=one_of(STUDY.blocks),
    encoder=one_of(config["encoders"]),
    head=one_of(config["heads"]),
    training_set=one_of(STUDY.training_sets),
    method=one_of(config["methods"]),


onstart:
    atexit.unregister(
        print
    )  # Snakemake has found all files, so that what is missing is not needed, or an error here
    makers = [job for job in workflow.dag.needrun_jobs() if job.output]
    if makers:  # a run with nothing to do blocks nobody
        from workflow_scripts.inputs import intact  # a dry run needs no NumPy

        if any(job.rule.name == "all" for job in workflow.dag.needrun_jobs()):
            checked(checks.refuse_missing_images, STUDY)
        checked(checks.refuse_read_only, Path("results", STUDY.name))
        checked(alone.hold)
        checked(slurm_queue.refuse_orphans, workflow.executor_plugin.name, workflow.workdir_init)
        made = {file for job in makers for file in job.output}
        inputs = sorted({file for job in makers for file in job.input} - made)
        checked(dates.refuse_future, inputs)
        checked(intact.refuse_damaged, inputs)


rule all:
    default_target: True
    input:
        no_file_but_a_look_at_data,
        REPORT,


MADE = "release features" if STUDY.is_released else "models samples features heads"
# In the order of the data flow, which operations/jobs.py relies on.
PHASES = f"assets prompts downloads exemplars {MADE} evaluation report plan".split()
for phase in PHASES:

    include: f"rules/{phase}.smk"
