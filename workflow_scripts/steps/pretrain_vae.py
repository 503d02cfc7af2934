"""Trains the miniature's autoencoder: a linear encoder from principal components, and a decoder learned against it.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.pretrain_vae \\
        --drawings data/corpus/drawings.parquet --output build/base_model/vae \\
        --settings '{"seed": 0, "channels": [24, 48, 64, 96], "latent_channels": 24, "images": 12000, ...}'
"""

import logging
from pathlib import Path

import numpy as np
import torch

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.miniature.pretraining.autoencoder import DecoderLoss, decode, encode, psnr
from workflow_scripts.miniature.pretraining.linear_encoder import build_autoencoder
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("pretrain_vae")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--drawings", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the autoencoder, in the diffusers layout")
    parser.add_settings()
    args = parser.parse_args()
    settings, seed = args.settings, args.settings["seed"]
    torch.set_num_threads(1)

    drawings = artifacts.read_table(args.drawings)
    first = unlabelled_pool(decodable_drawings(drawings), 2000, derive_seed(seed, "components"))
    vae = build_autoencoder(tuple(settings["channels"]), settings["latent_channels"], first.images, seed)
    vae.requires_grad_(False)
    vae.decoder.requires_grad_(True)
    vae.post_quant_conv.requires_grad_(True)

    schedule = Schedule(**{key: settings[key] for key in Schedule.__dataclass_fields__})
    trainer = Trainer({"vae": vae}, schedule, args.output.with_suffix(".checkpoint.safetensors"), seed)
    pool = unlabelled_pool(decodable_drawings(drawings), settings["images"], derive_seed(seed, "pool", trainer.rank))
    held_out = unlabelled_pool(drawings[drawings.role == OBJECT], 256, derive_seed(seed, "held-out"))
    latents = encode(vae, held_out.images)

    def report(step: int) -> None:
        decoded = decode(vae, latents)
        log.info("step %d: PSNR of held-out drawings %.2f dB", step, psnr(decoded, held_out.images).mean())
        rows = [np.concatenate(list(images[:16]), axis=1) for images in (held_out.images, decoded)]
        artifacts.write_png(args.output.with_name("vae_progress.png"), np.concatenate(rows))

    trainer.run(DecoderLoss(vae, pool.images, encode(vae, pool.images), settings), report)
    if trainer.rank == 0:
        trainer.swap_averages()
        vae.half().save_pretrained(args.output)


if __name__ == "__main__":
    cli.run(main)
