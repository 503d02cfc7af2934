"""Assets: the corpus of drawings, the base model and the two small encoders that the miniature starts from.

They are made once, in build/, which takes hours, and DVC keeps them in data/. The rules of a study take the files in
data/ as they are. Only a command that names an asset (`snakemake base_model`) makes it and copies it to data/. Training
that was interrupted goes on from its checkpoint; checkpoints and progress pictures are in build/ beside the outputs. A
checklist, data/*.sha256, proves an asset that is newer than dvc.lock.

Each process of `torchrun` draws pictures of its own. Their number decides the weights, so it stands in the command, and
is not that of the threads, which a run with fewer cores cuts.
"""


rule build_corpus:
    """We render drawings from openly licensed packages, and decide by artist and concept what each may be used for."""
    input:
        lock=in_project("config/corpus/package-lock.json"),
        lists=corpus_lists(),
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        packages="build/packages",
        folder=output_folder,
        settings=pretraining("corpus"),
    shell:
        r"""
        mkdir -p {params.packages:q}
        cp $(dirname {input.lock:q})/{{package.json,package-lock.json,.npmrc}} {params.packages:q}
        npm ci --prefix {params.packages:q} > {log:q} 2>&1
        python -m workflow_scripts.steps.build_corpus \
            --packages {params.packages:q}/node_modules \
            --output {params.folder:q} \
            --threads {threads} \
            --settings {params.settings:q} \
            >> {log:q} 2>&1
        """


rule find_twins:
    """We look for drawings that an embedding cannot tell apart, so that none is a distractor of another."""
    input:
        "build/corpus/drawings.parquet",
    output:
        "build/corpus/twins.parquet",
    log:
        "build/logs/find_twins.log",
    benchmark:
        "build/benchmarks/find_twins.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=pretraining("twins"),
    shell:
        r"""
        python -m workflow_scripts.steps.find_twins \
            --drawings {input:q} \
            --output {output:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule pretrain_tokenizer:
    """We learn the base model's vocabulary from captions of composed pictures."""
    input:
        drawings="data/corpus/drawings.parquet",
        vocabulary=in_project("config/classes/vocabulary.txt"),
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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        folder=output_folder,
        settings=pretraining("tokenizer"),
    shell:
        r"""
        python -m workflow_scripts.steps.pretrain_tokenizer \
            --drawings {input.drawings:q} \
            --vocabulary {input.vocabulary:q} \
            --output {params.folder:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule pretrain_vae:
    """We fit a linear encoder to latents and train its decoder, on composed pictures."""
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
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
    params:
        folder=output_folder,
        settings=pretraining("vae"),
    shell:
        r"""
        torchrun --standalone --nproc-per-node 1 -m workflow_scripts.steps.pretrain_vae \
            --drawings {input.drawings:q} \
            --output {params.folder:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule pretrain_unet:
    """We train the denoising network and the text tower jointly, on latents of composed pictures and their captions."""
    input:
        drawings="data/corpus/drawings.parquet",
        vocabulary=in_project("config/classes/vocabulary.txt"),
        prompts=in_project("config/prompts/progress.txt"),
        tokenizer="build/base_model/tokenizer/tokenizer.json",
        vae="build/base_model/vae/diffusion_pytorch_model.safetensors",
    output:
        unet="build/base_model/unet/unet/diffusion_pytorch_model.safetensors",
        text="build/base_model/unet/text_encoder/model.safetensors",
    log:
        "build/logs/pretrain_unet.log",
    benchmark:
        "build/benchmarks/pretrain_unet.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=growing(12000),
        runtime=growing(1440),
    params:
        settings=pretraining("unet"),
    shell:
        r"""
        torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.pretrain_unet \
            --drawings {input.drawings:q} \
            --vocabulary {input.vocabulary:q} \
            --prompts {input.prompts:q} \
            --tokenizer $(dirname {input.tokenizer:q}) \
            --vae $(dirname {input.vae:q}) \
            --output $(dirname $(dirname {output.unet:q})) \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule assemble_base_model:
    """We put the trained parts together, in the layout of Stable Diffusion."""
    input:
        tokenizer="build/base_model/tokenizer/tokenizer.json",
        vae="build/base_model/vae/diffusion_pytorch_model.safetensors",
        unet="build/base_model/unet/unet/diffusion_pytorch_model.safetensors",
    output:
        "build/base_model/pipeline/model_index.json",
    log:
        "build/logs/assemble_base_model.log",
    benchmark:
        "build/benchmarks/assemble_base_model.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        folder=output_folder,
    shell:
        r"""
        python -m workflow_scripts.steps.assemble_base_model \
            --tokenizer $(dirname {input.tokenizer:q}) \
            --vae $(dirname {input.vae:q}) \
            --denoiser $(dirname $(dirname {input.unet:q})) \
            --output {params.folder:q} \
            > {log:q} 2>&1
        """


rule measure_base_model:
    """We measure how well the base model draws what a prompt asks for; the README shows the picture."""
    input:
        base_model=weights.needed("data/base_model"),
        drawings="data/corpus/drawings.parquet",
        vocabulary=in_project("config/classes/vocabulary.txt"),
    output:
        figures="docs/base_model.json",
        grid="docs/base_model.png",
    log:
        "build/logs/measure_base_model.log",
    benchmark:
        "build/benchmarks/measure_base_model.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=pretraining("quality"),
    shell:
        r"""
        python -m workflow_scripts.steps.measure_base_model \
            --base-model data/base_model \
            --drawings {input.drawings:q} \
            --vocabulary {input.vocabulary:q} \
            --output {output.figures:q} \
            --grid {output.grid:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule train_clip_mini:
    """We train a small CLIP on composed pictures and their captions, as an encoder."""
    input:
        drawings="data/corpus/drawings.parquet",
        tokenizer="data/base_model/tokenizer/tokenizer.json",
    output:
        "build/clip_mini/open_clip_model.safetensors",
    log:
        "build/logs/train_clip_mini.log",
    benchmark:
        "build/benchmarks/train_clip_mini.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        folder=output_folder,
        settings=pretraining("clip_mini"),
    shell:
        r"""
        torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_clip_mini \
            --drawings {input.drawings:q} \
            --tokenizer $(dirname {input.tokenizer:q}) \
            --output {params.folder:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule train_dino_mini:
    """We train a small vision transformer without labels on composed pictures, as an encoder."""
    input:
        drawings="data/corpus/drawings.parquet",
    output:
        "build/dino_mini/model.safetensors",
    log:
        "build/logs/train_dino_mini.log",
    benchmark:
        "build/benchmarks/train_dino_mini.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        folder=output_folder,
        settings=pretraining("dino_mini"),
    shell:
        r"""
        torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_dino_mini \
            --drawings {input.drawings:q} \
            --output {params.folder:q} \
            --settings {params.settings:q} \
            > {log:q} 2>&1
        """


rule corpus:
    """Run by its name: makes the corpus, in a few minutes, and puts it into data/."""
    input:
        "build/corpus/drawings.parquet",
        "build/corpus/twins.parquet",
    log:
        "build/logs/corpus.log",
    conda:
        "../envs/environment.yaml"
    shell:
        r"""
        rm -rf data/corpus
        mkdir -p data
        cp -rv build/corpus data/corpus \
            > {log:q} 2>&1
        (cd data/corpus && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum) > data/corpus.sha256
        """


rule base_model:
    """Run by its name: makes the base model, in hours on two cores, and puts it into data/."""
    input:
        "build/base_model/pipeline/model_index.json",
    log:
        "build/logs/base_model.log",
    conda:
        "../envs/environment.yaml"
    shell:
        r"""
        rm -rf data/base_model
        mkdir -p data
        cp -rv build/base_model/pipeline data/base_model \
            > {log:q} 2>&1
        (cd data/base_model && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum) > data/base_model.sha256
        """


rule clip_mini:
    """Run by its name: makes the small CLIP, in half an hour on two cores, and puts it into data/."""
    input:
        "build/clip_mini/open_clip_model.safetensors",
    log:
        "build/logs/clip_mini.log",
    conda:
        "../envs/environment.yaml"
    shell:
        r"""
        rm -rf data/clip_mini
        mkdir -p data
        cp -rv build/clip_mini data/clip_mini \
            > {log:q} 2>&1
        (cd data/clip_mini && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum) > data/clip_mini.sha256
        """


rule dino_mini:
    """Run by its name: makes the small DINO, in half an hour on two cores, and puts it into data/."""
    input:
        "build/dino_mini/model.safetensors",
    log:
        "build/logs/dino_mini.log",
    conda:
        "../envs/environment.yaml"
    shell:
        r"""
        rm -rf data/dino_mini
        mkdir -p data
        cp -rv build/dino_mini data/dino_mini \
            > {log:q} 2>&1
        (cd data/dino_mini && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum) > data/dino_mini.sha256
        """
