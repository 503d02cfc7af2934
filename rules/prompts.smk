"""Prompts: captions of class words, asked of a language model; those in config/prompts/abc are there already.

Optional, and it needs an endpoint of OpenAI's chat completions, hence local: OPENAI_BASE_URL and OPENAI_API_KEY say
which one, OPENAI_MODEL names the model. No study asks for it.
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
    """Asked for by its name: has captions written by a language model, and puts them in place of the committed ones."""
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
