"""Assets: the corpus of drawings, the base model and the small CLIP that a study starts from.

They are made once, in build/, at a cost of hours, and kept by DVC in data/. No other rule depends on those below: the
studies take the files in data/ as they are. Ask for one by its name, such as `snakemake base_model`; it is then made
and copied to data/.
"""


rule build_corpus:
    """From openly licensed packages we render the drawings, with artist, licence and concept of each."""
    input:
        packages="config/corpus/package-lock.json",
    output:
        drawings="build/corpus/drawings.parquet",
        attribution="build/corpus/ATTRIBUTION.md",
    log:
        "build/logs/build_corpus.log",
    benchmark:
        "build/benchmarks/build_corpus.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        packages="build/packages",
        folder=output_folder,
    shell:
        r"""
        python -m workflow_scripts.steps.build_corpus \
            --packages {params.packages:q} \
            --output {params.folder:q} \
            > {log:q} 2>&1
        """


rule pretrain_tokenizer:
    """We learn the base model's vocabulary from the captions of composed drawings."""
    input:
        drawings="data/corpus/drawings.parquet",
    output:
        "build/base_model/tokenizer/tokenizer.json",
    log:
        "build/logs/pretrain_tokenizer.log",
    benchmark:
        "build/benchmarks/pretrain_tokenizer.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        r"""
        python -m workflow_scripts.steps.pretrain_tokenizer \
            --drawings {input.drawings:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule pretrain_vae:
    """We train the autoencoder on composed drawings."""
    input:
        drawings="data/corpus/drawings.parquet",
    output:
        "build/base_model/vae/diffusion_pytorch_model.safetensors",
    log:
        "build/logs/pretrain_vae.log",
    benchmark:
        "build/benchmarks/pretrain_vae.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=600,
    shell:
        r"""
        python -m workflow_scripts.steps.pretrain_vae \
            --drawings {input.drawings:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule pretrain_unet:
    """We train the denoising network and the text tower jointly, on latents of composed drawings and their captions."""
    input:
        drawings="data/corpus/drawings.parquet",
        tokenizer="build/base_model/tokenizer/tokenizer.json",
        vae="build/base_model/vae/diffusion_pytorch_model.safetensors",
    output:
        "build/base_model/unet/diffusion_pytorch_model.safetensors",
    log:
        "build/logs/pretrain_unet.log",
    benchmark:
        "build/benchmarks/pretrain_unet.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=12000,
        runtime=1440,
    shell:
        r"""
        python -m workflow_scripts.steps.pretrain_unet \
            --drawings {input.drawings:q} \
            --tokenizer {input.tokenizer:q} \
            --vae {input.vae:q} \
            --output {output:q} \
            > {log:q} 2>&1
        """


rule base_model:
    """Asked for by name: makes the base model and puts it into data/."""
    input:
        "build/base_model/unet/diffusion_pytorch_model.safetensors",
