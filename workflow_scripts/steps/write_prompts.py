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

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from workflow_scripts import artifacts, cli
from workflow_scripts.inputs import captions
from workflow_scripts.study.study import read_list

if TYPE_CHECKING:
    from openai import OpenAI

ROUNDS = 5  # questions for one class word

log = logging.getLogger("write_prompts")


def make_ask(model: str) -> Callable[[str], str]:
    """Asks a language model one question; the client repeats a request that failed by network or by overload.

    Raises:
        ValueError: the endpoint cannot be reached, or refuses.
    """
    import openai

    try:
        client = openai.OpenAI()
    except openai.OpenAIError as error:
        raise ValueError(f"OPENAI_API_KEY: {_line(error)}") from error

    def ask(question: str) -> str:
        try:
            return _answer(client, model, question)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: what came was no JSON
            raise ValueError(f"{client.base_url}: no answer from the model {model!r}: {_line(error)}") from error

    return ask


def _answer(client: "OpenAI", model: str, question: str) -> str:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    if not getattr(answer, "choices", None):
        raise ValueError(f"expected a chat completion, got {str(answer)[:100]!r}")
    return answer.choices[0].message.content or ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def write_captions(word: str, lists: dict[str, list[str]], ask: Callable[[str], str]) -> dict[str, list[str]]:
    """Completes the lists of a class word: first train, then test; what is there already stays where it is.

    Raises:
        ValueError: the model's answers do not hold enough valid captions.
    """
    there = [template for split in captions.COUNTS for template in lists[split]]
    missing = {split: max(0, count - len(lists[split])) for split, count in captions.COUNTS.items()}
    wanted, new = sum(missing.values()), []
    for _ in range(ROUNDS):
        answer = ask(captions.instruction(word, wanted - len(new), there + new))
        new += captions.accept(answer, word, there + new)[: wanted - len(new)]
        if len(new) == wanted:
            return {"train": lists["train"] + new[: missing["train"]], "test": lists["test"] + new[missing["train"] :]}
        log.info("%s: %d of %d captions are valid", word, len(new), wanted)
    raise ValueError(
        f"class word {word!r}: {len(new)} of {wanted} captions are valid after {ROUNDS} answers; the last one begins "
        f"{answer[:100]!r}; expected captions of 4 to 16 words, one a line, that hold the class word once"
    )


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--classes", type=Path, nargs="+", required=True, help="lists of classes and their words")
    parser.add_argument("--model", required=True, help="name of the language model, as the endpoint knows it")
    told = "JSON file to write last: the model, and the number of captions of each class word; the lists lie beside it"
    parser.add_argument("--output", type=Path, required=True, help=told)
    args = parser.parse_args()
    if not args.model:
        raise ValueError("--model: empty; expected the name of a language model (the rule takes it from OPENAI_MODEL)")

    folder, ask = args.output.parent, make_ask(args.model)
    words = dict.fromkeys(word for file in args.classes for word in read_list(file).values())
    for word in tqdm(words, desc="captions", unit="class word", disable=None):
        lists = captions.read_lists(folder, word)
        if not captions.complete(lists):
            captions.write_lists(folder, word, write_captions(word, lists, ask), args.model)
    counts = {word: sum(map(len, captions.read_lists(folder, word).values())) for word in words}
    artifacts.write_json(args.output, {"model": args.model, "captions": counts})


if __name__ == "__main__":
    cli.run(main)
