"""Learns the base model's tokenizer from the captions of composed pictures.

Example:
    python -m workflow_scripts.steps.pretrain_tokenizer --drawings data/corpus/drawings.parquet \\
        --vocabulary config/classes/vocabulary.txt --output build/base_model/tokenizer \\
        --settings '{"seed": 0, "captions": 6000, "size": 1500, "length": 24}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.compose import compose_pool
from workflow_scripts.miniature.pretraining.pools import known_drawings
from workflow_scripts.miniature.pretraining.vocabulary import train_tokenizer
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import read_list

log = logging.getLogger("pretrain_tokenizer")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--drawings", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True, help="list of concepts with their class words")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tokenizer")
    parser.add_settings()
    args = parser.parse_args()

    drawings, words = artifacts.read_table(args.drawings), read_list(args.vocabulary)
    pool = compose_pool(
        known_drawings(drawings), args.settings["captions"], words, derive_seed(args.settings["seed"], "captions")
    )
    tokenizer = train_tokenizer(pool.captions, args.settings["size"], args.settings["length"], args.output)
    log.info(
        "%d tokens; the longest caption takes %d", len(tokenizer), max(map(len, tokenizer(pool.captions).input_ids))
    )


if __name__ == "__main__":
    cli.run(main)
