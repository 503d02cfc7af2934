r"""Trains a small vision transformer without labels on composed pictures, of drawings that may train weights we ship.

Example:
    torchrun --standalone --nproc-per-node 2 -m workflow_scripts.steps.train_dino_mini \
        --drawings data/corpus/drawings.parquet --output build/dino_mini \
        --settings '{"seed": 0, "pictures": 40000, "architecture": "vit_tiny_patch16_224", "patch": 8, ...}'
"""

import torch

from workflow_scripts import artifacts, cli
from workflow_scripts.encoders.dino_mini import CONFIG, WEIGHTS
from workflow_scripts.miniature.pretraining import distillation
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, unlabelled_pool
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.seeds import derive_seed


@cli.command_line(dict, drawings=cli.file("the corpus"), output=cli.file("folder of the network, in timm's layout"))
def main(args: cli.Args, settings: dict) -> None:
    seed = settings["seed"]
    torch.manual_seed(derive_seed(seed, "dino_mini weights"))  # the same in every process

    config = distillation.timm_config(settings)
    student = distillation.Student(distillation.build_network(config), settings["prototypes"]).train()
    trainer = Trainer(
        {"student": student}, Schedule.of(settings), args.output.with_suffix(".checkpoint.safetensors"), seed
    )

    drawings = decodable_drawings(artifacts.read_table(args.drawings))
    pool = unlabelled_pool(drawings, settings["pictures"], derive_seed(seed, "dino_mini pictures", trainer.rank))
    weights = sum(map(torch.numel, student.network.parameters()))
    cli.log.info("%d pictures of %d drawings, %d weights", len(pool.images), len(drawings), weights)
    teacher = {name.removeprefix("student."): average for name, average in trainer.averages.items()}
    trainer.run(distillation.DistillationLoss(student, teacher, pool.images, settings))
    if trainer.rank == 0:
        artifacts.write_json(args.output / CONFIG, config, sidecar=False)
    trainer.finish(student.network, args.output / WEIGHTS, settings, {"drawings": args.drawings})
