"""Samples: images made by the customized models, influenced by their exemplars by construction (paper section 4.1).

Reads the models of a shard; writes its manifest and, beside it, a parquet file of images for each model and prompt set.
"""


rule sample:
    """We draw images from each model, for a language model's prompts and for procedural ones (paper section 4.1)."""
    input:
        base_model=base_model_files,
        models="results/{study}/models/{case}/{shard}.json",
    output:
        "results/{study}/samples/{case}/{shard}.json",
    log:
        "results/{study}/logs/sample/{case}.{shard}.log",
    benchmark:
        "results/{study}/benchmarks/sample/{case}.{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("sample", 8000),
        runtime=growing(720),
        gpu=1,
        size=images_of_shard,
    params:
        base_model=base_model_folder,
        settings=settings("sample", "case", "shard"),
    shell:
        r"""
        python -m workflow_scripts.steps.sample \
            --base-model {params.base_model:q} \
            --models {input.models:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule samples:
    """Milestone: all models are sampled."""
    input:
        over_study("results/{study}/samples/{case}/{shard}.json"),
