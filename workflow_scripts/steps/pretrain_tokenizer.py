"""Learns the base model's tokenizer from the captions of composed pictures.

Example:
    python -m workflow_scripts.steps.pretrain_tokenizer --drawings data/corpus/drawings.parquet \\
        --vocabulary config/classes/vocabulary.txt --output build/base_model/tokenizer \\
        --settings '{"seed": 0, "captions": 6000, "size": 1500, "length": 24}'
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.compose import compose_pool
from workflow_scripts.miniature.pretraining.pools import known_drawings
from workflow_scripts.miniature.pretraining.vocabulary import train_tokenizer
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_list


@cli.command_line(
    dict,
    drawings=cli.file(),
    vocabulary=cli.file("list of concepts with their class words"),
    output=cli.file("folder of the tokenizer"),
)
def main(args: cli.Args, settings: dict) -> None:
    drawings, words = artifacts.read_table(args.drawings), read_list(args.vocabulary)
    seed = derive_seed(settings["seed"], "captions")
    captions = compose_pool(known_drawings(drawings), settings["captions"], words, seed).captions
    tokenizer = train_tokenizer(captions, settings["size"], settings["length"], args.output)
    longest = max(map(len, tokenizer(captions).input_ids))
    cli.log.info("%d tokens; the longest caption takes %d", len(tokenizer), longest)
