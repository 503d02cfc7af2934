"""Trains the miniature's autoencoder: a linear encoder from principal components, and a decoder learned against it.

Example:
    torchrun --standalone --nproc-per-node 1 -m workflow_scripts.steps.pretrain_vae \\
        --drawings data/corpus/drawings.parquet --output build/base_model/vae \\
        --settings '{"seed": 0, "channels": [24, 48, 64, 96], "latent_channels": 24, "images": 12000, ...}'
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.miniature.pretraining import quality
from workflow_scripts.miniature.pretraining.autoencoder import DecoderLoss, decode, encode, psnr
from workflow_scripts.miniature.pretraining.linear_encoder import build_autoencoder
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed


@cli.command_line(dict, drawings=cli.file(), output=cli.file("folder of the autoencoder, in the diffusers layout"))
def main(args: cli.Args, settings: dict) -> None:
    seed = settings["seed"]

    drawings = artifacts.read_table(args.drawings)
    first = unlabelled_pool(decodable_drawings(drawings), 2000, derive_seed(seed, "components"))
    vae = build_autoencoder(tuple(settings["channels"]), settings["latent_channels"], first.images, seed)
    vae.requires_grad_(False)
    vae.decoder.requires_grad_(True)
    vae.post_quant_conv.requires_grad_(True)

    trainer = Trainer({"vae": vae}, Schedule.of(settings), args.output.with_suffix(".checkpoint.safetensors"), seed)
    pool = unlabelled_pool(decodable_drawings(drawings), settings["images"], derive_seed(seed, "pool", trainer.rank))
    held_out = unlabelled_pool(drawings[drawings.role == OBJECT], 256, derive_seed(seed, "held-out"))
    latents = encode(vae, held_out.images)

    def report(step: int) -> None:
        decoded = decode(vae, latents)
        cli.log.info("step %d: PSNR of held-out drawings %.2f dB", step, psnr(decoded, held_out.images).mean())
        picture = quality.grid([held_out.images[:16], decoded[:16]])
        artifacts.write_png(args.output.with_name("vae_progress.png"), picture)

    trainer.run(DecoderLoss(vae, pool.images, encode(vae, pool.images), settings), report)
    if trainer.rank == 0:
        trainer.swap_averages()
        vae.half().save_pretrained(args.output)
