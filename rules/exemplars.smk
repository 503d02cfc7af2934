"""Exemplars and distractors: the real images of the benchmark (paper section 4.1).

Reads the corpus, or data at other paths, which are no inputs, so that a study can be planned before they are there.
Writes one parquet file of images for each case, and one of distractors.
"""


rule select_exemplars:
    """We choose the images that models will be customized on, and split them into train, val and test."""
    input:
        corpus=corpus_of_case,
    output:
        "results/{study}/exemplars/{case}.parquet",
    log:
        "results/{study}/logs/select_exemplars/{case}.log",
    benchmark:
        "results/{study}/benchmarks/select_exemplars/{case}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("select_exemplars", 4000),
        runtime=growing(60),
        size=models_of_case,
    params:
        source=source_of_case,
        settings=settings("select_exemplars", "case"),
    shell:
        r"""
        python -m workflow_scripts.steps.select_exemplars \
            --source {params.source:q} \
            --output {output:q} \
            --settings - \
            <<< {params.settings:q} \
            > {log:q} 2>&1
        """


rule select_distractors:
    """We choose images that influenced no model, among which attribution must find the exemplars."""
    input:
        corpus=corpus_of(config["distractors"]),
        exemplars=over_study("results/{study}/exemplars/{case}.parquet"),
    output:
        "results/{study}/exemplars/distractors.parquet",
    log:
        "results/{study}/logs/select_distractors.log",
    benchmark:
        "results/{study}/benchmarks/select_distractors.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("select_distractors", 4000),
        runtime=growing(240),
        size=config["distractors"]["count"],
    params:
        source=source_of_distractors,
        settings=settings("select_distractors"),
    shell:
        r"""
        python -m workflow_scripts.steps.select_distractors \
            --source {params.source:q} \
            --exemplars {input.exemplars:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule exemplars:
    """Milestone: all exemplars and distractors are chosen."""
    input:
        over_study("results/{study}/exemplars/{case}.parquet"),
        over_study("results/{study}/exemplars/distractors.parquet"),
