"""Exemplars and distractors: the real images of the benchmark (paper section 4.1).

Reads the corpus; writes one parquet file of images for each case, and one of distractors.
"""


rule select_exemplars:
    """We choose the images that models will be customized on, and split them into train, val and test."""
    input:
        drawings=f"{config['corpus']['path']}/drawings.parquet",
        twins=f"{config['corpus']['path']}/twins.parquet",
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings("exemplars", "case"),
    shell:
        r"""
        python -m workflow_scripts.steps.select_exemplars \
            --drawings {input.drawings:q} \
            --output {output:q} \
            --settings - \
            <<< {params.settings:q} \
            > {log:q} 2>&1
        """


rule select_distractors:
    """We choose images that influenced no model, for attribution to find the exemplars among."""
    input:
        drawings=f"{config['corpus']['path']}/drawings.parquet",
        twins=f"{config['corpus']['path']}/twins.parquet",
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings("distractors"),
    shell:
        r"""
        python -m workflow_scripts.steps.select_distractors \
            --drawings {input.drawings:q} \
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
