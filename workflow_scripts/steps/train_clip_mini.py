r"""Trains a small CLIP on composed pictures and their captions, of drawings that may train weights we ship.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_clip_mini \
        --drawings data/corpus/drawings.parquet --tokenizer data/base_model/tokenizer --output build/clip_mini \
        --settings '{"seed": 0, "pictures": 40000, "image_tower": "convnext_atto", "batch": 128, "steps": 400, ...}'
"""

import open_clip
import torch
from transformers import AutoTokenizer

from workflow_scripts import artifacts, cli
from workflow_scripts.encoders.clip_mini import CONFIG, WEIGHTS
from workflow_scripts.miniature.pretraining import contrastive
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed


@cli.command_line(
    dict,
    drawings=cli.file("the corpus"),
    tokenizer=cli.file("folder of the base model's tokenizer"),
    output=cli.file("folder of the model, in open_clip's layout"),
)
def main(args: cli.Args, settings: dict) -> None:
    seed = settings["seed"]
    torch.manual_seed(derive_seed(seed, "clip_mini weights"))  # the same in every process

    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    config = contrastive.open_clip_config(settings, tokenizer)
    model = open_clip.CLIP(**config["model_cfg"]).train()
    trainer = Trainer({"clip": model}, Schedule.of(settings), args.output.with_suffix(".checkpoint.safetensors"), seed)

    drawings = decodable_drawings(artifacts.read_table(args.drawings))
    pool = unlabelled_pool(drawings, settings["pictures"], derive_seed(seed, "clip_mini pictures", trainer.rank))
    ids = contrastive.tokenize(tokenizer, pool.captions)
    weights = sum(map(torch.numel, model.parameters()))
    cli.log.info("%d pictures of %d drawings, %d weights", len(ids), len(drawings), weights)
    trainer.run(contrastive.ContrastiveLoss(model, pool.images, ids, settings["batch"]))
    if trainer.rank == 0:
        artifacts.write_json(args.output / CONFIG, config, sidecar=False)
        tokenizer.save_pretrained(args.output)
    inputs = {"drawings": args.drawings, "tokenizer": args.tokenizer}
    trainer.finish(model, args.output / WEIGHTS, settings, inputs)
