"""Asks a language model behind any endpoint of OpenAI's chat completions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import OpenAI


def make_ask(model: str) -> Callable[[str], str]:
    """A function that asks a language model a question; failed requests are repeated a few times.

    Raises:
        ValueError: `model` is empty, or there is no key; when asked: the endpoint cannot be reached, or refuses.
    """
    import openai

    if not model:
        raise ValueError("--model: empty; expected the name of a language model (the rule takes it from OPENAI_MODEL)")
    try:
        client = openai.OpenAI()
    except openai.OpenAIError as error:
        raise ValueError(f"OPENAI_API_KEY: {_line(error)}") from error

    def ask(question: str) -> str:
        try:
            return _answer(client, model, question)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: the answer is not JSON
            raise ValueError(f"{client.base_url}: no answer from the model {model!r}: {_line(error)}") from error

    return ask


def _answer(client: "OpenAI", model: str, question: str) -> str:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    if not getattr(answer, "choices", None):
        raise ValueError(f"expected a chat completion, got {str(answer)[:100]!r}")
    return answer.choices[0].message.content or ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
