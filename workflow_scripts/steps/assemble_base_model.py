"""Puts the trained parts together: a StableDiffusionPipeline folder in half precision, safetensors only.

Example:
    python -m workflow_scripts.steps.assemble_base_model --tokenizer build/base_model/tokenizer \\
        --vae build/base_model/vae --denoiser build/base_model/unet --output data/base_model
"""

from workflow_scripts import artifacts, cli

README = """\
# The miniature's base model

A small Stable Diffusion of 64x64 pictures, trained from scratch by `snakemake base_model` on the drawings of
data/corpus whose role is `pretrain` (its decoder: also on those whose role is `other`, of the same families).
Artists and licences of the drawings: data/corpus/ATTRIBUTION.md; all are Apache-2.0, MIT or CC-BY-4.0.
Weights: Apache-2.0.
"""


@cli.command_line(
    tokenizer=cli.file(),
    vae=cli.file(),
    denoiser=cli.file("folder with `unet` and `text_encoder`"),
    output=cli.file("the pipeline's folder"),
)
def main(args: cli.Args) -> None:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from workflow_scripts.miniature.pretraining.denoiser import assemble

    assemble(
        args.output,
        vae=AutoencoderKL.from_pretrained(args.vae),
        text=CLIPTextModel.from_pretrained(args.denoiser / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(args.tokenizer),
        unet=UNet2DConditionModel.from_pretrained(args.denoiser / "unet"),
    )
    artifacts.write_text(args.output / "README.md", README, sidecar=False)
