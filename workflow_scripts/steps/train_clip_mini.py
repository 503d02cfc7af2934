r"""Trains a small CLIP on composed pictures and their captions, of drawings that may train weights we ship.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_clip_mini \
        --drawings data/corpus/drawings.parquet --tokenizer data/base_model/tokenizer --output build/clip_mini \
        --settings '{"seed": 0, "pictures": 40000, "image_tower": "convnext_atto", "batch": 128, "steps": 400, ...}'
"""

import logging
from pathlib import Path

import torch
from transformers import AutoTokenizer

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.pretraining import contrastive
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("train_clip_mini")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--drawings", type=Path, required=True, help="the corpus")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the base model's tokenizer")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model, in open_clip's layout")
    parser.add_settings()
    args = parser.parse_args()
    settings, seed = args.settings, args.settings["seed"]
    torch.manual_seed(derive_seed(seed, "clip_mini weights"))  # the same in every process

    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    config = contrastive.open_clip_config(settings, tokenizer)
    model = contrastive.build_clip(config).train()
    schedule = Schedule(**{key: settings[key] for key in Schedule.__dataclass_fields__})
    trainer = Trainer({"clip": model}, schedule, args.output.with_suffix(".checkpoint.safetensors"), seed)

    drawings = decodable_drawings(artifacts.read_table(args.drawings))
    pool = unlabelled_pool(drawings, settings["pictures"], derive_seed(seed, "clip_mini pictures", trainer.rank))
    ids = contrastive.tokenize(tokenizer, pool.captions)
    log.info(
        "%d pictures of %d drawings, %d weights", len(ids), len(drawings), sum(map(torch.numel, model.parameters()))
    )
    trainer.run(contrastive.ContrastiveLoss(model, pool.images, ids, settings["batch"]))
    if trainer.rank == 0:
        trainer.swap_averages()
        provenance = artifacts.make_provenance(settings, {"drawings": args.drawings, "tokenizer": args.tokenizer})
        contrastive.save_clip(args.output, model, config, tokenizer, provenance)
        trainer.checkpoint.unlink()


if __name__ == "__main__":
    cli.run(main)
