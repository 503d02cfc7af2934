"""Trains the miniature's denoising network and text tower on composed pictures and their captions.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.pretrain_unet \\
        --drawings data/corpus/drawings.parquet --vocabulary config/classes/vocabulary.txt \\
        --tokenizer build/base_model/tokenizer --vae build/base_model/vae --output build/base_model/unet \\
        --settings '{"seed": 0, "images": 30000, "channels": [96, 192], "text_width": 160, "steps": 8000, ...}'
"""

import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from workflow_scripts import artifacts, cli
from workflow_scripts.base_models.diffusers_sd import DiffusersSD
from workflow_scripts.miniature.corpus.compose import compose_pool, group_word, instance_word
from workflow_scripts.miniature.pretraining import denoiser, quality
from workflow_scripts.miniature.pretraining.autoencoder import encode
from workflow_scripts.miniature.pretraining.pools import known_drawings
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.miniature.pretraining.vocabulary import tokenize
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_lines, read_list

SAMPLING = {"scheduler": "dpmsolver++", "steps": 12, "guidance": 3.5}  # of the progress grid


@cli.command_line(
    dict,
    drawings=cli.file(),
    vocabulary=cli.file("list of concepts with their class words"),
    prompts=cli.file("prompts of the progress grid, one a line"),
    tokenizer=cli.file(),
    vae=cli.file(),
    output=cli.file("folder for `unet` and `text_encoder`"),
)
def main(args: cli.Args, settings: dict) -> None:
    seed = settings["seed"]
    torch.manual_seed(seed)

    drawings, words = known_drawings(artifacts.read_table(args.drawings)), read_list(args.vocabulary)
    vae = AutoencoderKL.from_pretrained(args.vae, torch_dtype=torch.float32).eval()
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    shipped = CLIPTokenizer.from_pretrained(args.tokenizer)
    instances = sorted(map(instance_word, drawings.id))
    groups = sorted(set(map(group_word, drawings.style_group)))
    tokenizer.add_tokens(instances + groups)
    new_words = {kind: tokenizer.convert_tokens_to_ids(w) for kind, w in (("object", instances), ("style", groups))}

    unet = denoiser.build_unet(settings, vae.config.latent_channels)
    text = denoiser.build_text_encoder(settings, tokenizer)
    trainer = Trainer({"unet": unet, "text": text}, Schedule.of(settings), args.output / "checkpoint.safetensors", seed)
    pool = compose_pool(drawings, settings["images"], words, derive_seed(seed, "pictures", trainer.rank))
    latents = encode(vae, pool.images)
    ids, empty = tokenize(tokenizer, pool.captions), tokenize(tokenizer, [""])
    prompts = read_lines(args.prompts)
    base = DiffusersSD(tokenizer, text, vae, unet, denoiser.build_scheduler(), "cpu")

    def save(step: int) -> None:
        unet.save_pretrained(args.output / "unet")
        denoiser.without_new_words(text, shipped, new_words).save_pretrained(args.output / "text_encoder")
        rows = [denoiser.sample_images(base, prompts, seed, SAMPLING) for seed in range(3)]
        artifacts.write_png(args.output / "progress.png", quality.grid(rows))

    args.output.mkdir(parents=True, exist_ok=True)
    trainer.run(denoiser.DenoisingLoss(unet, text, latents, ids, empty, settings["batch"]), save)
