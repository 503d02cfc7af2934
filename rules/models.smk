"""Models: Custom Diffusion of the base model on each exemplar, or group of exemplars (paper section 4.1).

Reads exemplars and the base model; writes prior-preservation latents by block of class words, and by shard a manifest
of models with their weights beside it.
"""


rule regularization:
    """We make images of each class word with the base model, so that fine-tuning keeps what the word means."""
    input:
        base_model=base_model_files,
    output:
        "results/{study}/regularization/{block}.safetensors",
    log:
        "results/{study}/logs/regularization/{block}.log",
    benchmark:
        "results/{study}/benchmarks/regularization/{block}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("regularization", 8000),
        runtime=growing(240),
        gpu=1,
        size=words_of_block,
    params:
        base_model=base_model_folder,
        settings=settings("regularization", "block"),
    shell:
        r"""
        python -m workflow_scripts.steps.regularization \
            --base-model {params.base_model:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule finetune:
    """We fine-tune the base model's cross-attention keys and values and one new token, V*, on each exemplar."""
    input:
        base_model=base_model_files,
        exemplars="results/{study}/exemplars/{case}.parquet",
        regularization=over_blocks("results/{study}/regularization/{block}.safetensors"),
    output:
        "results/{study}/models/{case}/{shard}.json",
    log:
        "results/{study}/logs/finetune/{case}.{shard}.log",
    benchmark:
        "results/{study}/benchmarks/finetune/{case}.{shard}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory("finetune", 8000),
        runtime=growing(720),
        gpu=1,
        size=models_of_shard,
    params:
        base_model=base_model_folder,
        settings=settings("finetune", "case", "shard"),
    shell:
        r"""
        python -m workflow_scripts.steps.finetune \
            --base-model {params.base_model:q} \
            --exemplars {input.exemplars:q} \
            --regularization {input.regularization:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule models:
    """Milestone: all customized models exist."""
    input:
        over_study("results/{study}/models/{case}/{shard}.json"),
