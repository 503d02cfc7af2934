"""Prompts: captions of class words by a language model. Optional, because config/prompts/abc has them already.

No study needs these rules. They are local because they need an endpoint of OpenAI's chat completions: OPENAI_BASE_URL
and OPENAI_API_KEY say which one, OPENAI_MODEL names the model.
"""


localrules:
    write_prompts,
    prompts,


rule write_prompts:
    """We ask a language model for 25 captions of each class word, and keep the valid ones."""
    input:
        seen=in_project("config/classes/imagenet_seen.txt"),
        unseen=in_project("config/classes/imagenet_unseen.txt"),
    output:
        "build/prompts/objects/index.json",
    log:
        "build/logs/write_prompts.log",
    benchmark:
        "build/benchmarks/write_prompts.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    shell:
        r"""
        python -m workflow_scripts.steps.write_prompts \
            --classes {input.seen:q} {input.unseen:q} \
            --model "${{OPENAI_MODEL:-}}" \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule prompts:
    """Run by its name: replaces the committed captions by new ones of a language model."""
    input:
        "build/prompts/objects/index.json",
    log:
        "build/logs/prompts.log",
    conda:
        "../envs/environment.yaml"
    params:
        folder=in_project("config/prompts/abc/objects"),
    shell:
        r"""
        mkdir -p {params.folder:q}
        cp -v $(dirname {input:q})/*.txt {params.folder:q} \
            > {log:q} 2>&1
        """
