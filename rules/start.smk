"""What must hold when a run starts, before its first job; a dry run does not ask for it."""


onstart:
    # Snakemake has found all files: what is missing is not needed, or refused here.
    atexit.unregister(print)
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
