"""Asks a language model for captions of class words, and writes them as lists of prompts.

Of each class word 25 captions (paper section 4) are asked for: 15 to train on, 10 held out. Lists that are complete are
left alone, so a run that was stopped goes on. Any endpoint of OpenAI's chat completions will do: the `openai` client
takes its address and key from OPENAI_BASE_URL and OPENAI_API_KEY.

Example:
    OPENAI_BASE_URL=http://localhost:8000/v1 OPENAI_API_KEY=none \\
    python -m workflow_scripts.steps.write_prompts \\
        --classes config/classes/imagenet_seen.txt config/classes/imagenet_unseen.txt \\
        --model NAME \\
        --output build/prompts/objects/index.json
"""

from tqdm import tqdm

from workflow_scripts import artifacts, cli
from workflow_scripts.inputs import captions, language_model
from workflow_scripts.study.study import read_list


@cli.command_line(
    classes=cli.files("lists of classes and their words"),
    model=cli.flag("name of the language model, as the endpoint knows it", required=True),
    output=cli.file(
        "JSON file to write last: the model, and the number of captions of each class word; the lists lie beside it"
    ),
)
def main(args: cli.Args) -> None:
    folder, ask = args.output.parent, language_model.make_ask(args.model)
    words = dict.fromkeys(word for file in args.classes for word in read_list(file).values())
    for word in tqdm(words, desc="captions", unit="class word", disable=None):
        lists = captions.read_lists(folder, word)
        if not captions.complete(lists):
            captions.write_lists(folder, word, captions.write_captions(word, lists, ask), args.model)
    counts = {word: sum(map(len, captions.read_lists(folder, word).values())) for word in words}
    artifacts.write_json(args.output, {"model": args.model, "captions": counts})
