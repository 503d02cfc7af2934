"""Captions from a language model: a local server speaks the protocol of chat completions, the real client asks it."""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workflow_scripts import cli
from workflow_scripts.inputs import captions
from workflow_scripts.steps import write_prompts
from workflow_scripts.study.study import read_lines

PLACES = [f"{where} the {what}" for where in ("near", "behind", "above") for what in "abcdefghijklmnopqrst"]
Answer = tuple[int, object]  # HTTP status and JSON


def completion(*lines: str) -> Answer:
    message = {"role": "assistant", "content": "\n".join(lines)}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def captions_of(word: str, start: int, stop: int) -> list[str]:
    return [f"The {word} rests {place}" for place in PLACES[start:stop]]


class Endpoint(ThreadingHTTPServer):
    """Answers each request by `reply`, and keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.reply: Callable[[str], Answer] = lambda question: completion(*captions_of(asked(question), 0, 25))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions"
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        self.server.keys.append(self.headers["Authorization"])
        status, body = self.server.reply(request["messages"][-1]["content"])
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Nothing: the test looks at the requests."""


def asked(question: str) -> str:
    """The class word that is asked for."""
    return re.search(r'subject is a "(.+?)"', question)[1]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs the step on these class words; returns the folder of the lists."""

    def write(*words: str, model: str = "small-model") -> Path:
        classes = tmp_path / "classes.txt"
        classes.write_text("".join(f"n{i:08d}\t{word}\n" for i, word in enumerate(words)))
        output = tmp_path / "lists/index.json"
        flags = ["--classes", classes, "--model", model, "--output", output]
        monkeypatch.setattr(sys, "argv", ["write_prompts", *map(str, flags)])
        cli.run(write_prompts.main)
        return output.parent

    return write


def error_of(run: Callable[..., Path], *words: str, **more: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        run(*words, **more)
    assert len(str(stopped.value).splitlines()) == 1
    return str(stopped.value)


def test_each_class_word_gets_its_two_lists(endpoint: Endpoint, run: Callable[..., Path]):
    folder = run("dog", "hot dog", "dog")
    expected = [line.replace("dog", "{subject}") for line in captions_of("dog", 0, 25)]
    assert read_lines(folder / "dog.train.txt") == expected[:15]
    assert read_lines(folder / "dog.test.txt") == expected[15:]
    assert len(read_lines(folder / "hot-dog.test.txt")) == 10
    assert json.loads((folder / "index.json").read_text()) == {
        "model": "small-model", "captions": {"dog": 25, "hot dog": 25},
    }  # fmt: skip
    assert [asked(request["messages"][0]["content"]) for request in endpoint.requests] == ["dog", "hot dog"]
    assert endpoint.requests[0]["model"] == "small-model"
    assert set(endpoint.keys) == {"Bearer secret"}


def test_what_is_invalid_or_missing_is_asked_for_again(endpoint: Endpoint, run: Callable[..., Path]):
    bad = ["Certainly! Here they are:", "A cat and a cat", "The cats play all day", "", *captions_of("cat", 1, 2)]
    answers = iter([bad, captions_of("cat", 0, 20), [*captions_of("cat", 0, 3), *captions_of("cat", 20, 40)]])
    endpoint.reply = lambda question: completion(*next(answers))
    folder = run("cat")
    lines = read_lines(folder / "cat.train.txt") + read_lines(folder / "cat.test.txt")
    order = captions_of("cat", 1, 2) + captions_of("cat", 0, 1) + captions_of("cat", 2, 25)
    assert lines == [line.replace("cat", "{subject}") for line in order]
    questions = [request["messages"][0]["content"] for request in endpoint.requests]
    assert [re.search(r"Write (\d+)", question)[1] for question in questions] == ["25", "24", "5"]
    assert captions_of("cat", 1, 2)[0] in questions[1]


def test_complete_lists_are_left_alone_and_others_completed(endpoint: Endpoint, run: Callable[..., Path]):
    folder = run("dog", "cat")
    (folder / "cat.test.txt").write_text("# mine\nA {subject} that I wrote myself\n")
    kept = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.glob("dog.*")}
    train = read_lines(folder / "cat.train.txt")
    endpoint.requests.clear()
    endpoint.reply = lambda question: completion(*captions_of(asked(question), 10, 40))
    run("dog", "cat")
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.glob("dog.*")} == kept
    assert len(endpoint.requests) == 1
    assert read_lines(folder / "cat.train.txt") == train
    new = [line.replace("cat", "{subject}") for line in captions_of("cat", 15, 24)]  # those before 15 are there already
    assert read_lines(folder / "cat.test.txt") == ["A {subject} that I wrote myself", *new]


def test_a_refused_key_is_one_error_that_loses_nothing(endpoint: Endpoint, run: Callable[..., Path], tmp_path: Path):
    refusal = 401, {"error": {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid"}}
    endpoint.reply = lambda question: completion(*captions_of("dog", 0, 25)) if asked(question) == "dog" else refusal
    says = error_of(run, "dog", "cat")
    assert re.match(r"error: http://127.0.0.1:\d+/v1/: no answer from the model 'small-model': Error code: 401", says)
    assert sorted(file.name for file in (tmp_path / "lists").iterdir()) == ["dog.test.txt", "dog.train.txt"]
    endpoint.reply = lambda question: completion(*captions_of(asked(question), 0, 25))
    endpoint.requests.clear()
    run("dog", "cat")
    assert [asked(request["messages"][0]["content"]) for request in endpoint.requests] == ["cat"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, {"error": {"message": "no such model"}}), "no answer from the model 'small-model': Error code: 404"),
        ((200, "<html>a login page</html>"), "no answer from the model 'small-model': expected a chat completion"),
        ((200, {"choices": []}), "no answer from the model 'small-model': expected a chat completion"),
    ],
)
def test_an_endpoint_that_gives_no_captions_is_named(
    answer: Answer, says: str, endpoint: Endpoint, run: Callable[..., Path]
):
    endpoint.reply = lambda question: answer
    assert says in error_of(run, "dog")


def test_answers_that_are_never_valid_end_after_some_rounds(endpoint: Endpoint, run: Callable[..., Path]):
    endpoint.reply = lambda question: completion(*captions_of("dog", 0, 3), "I will not.")
    says = error_of(run, "dog")
    assert says.startswith("error: class word 'dog': 3 of 25 captions are valid after 5 answers; the last one begins ")
    assert len(endpoint.requests) == captions.ROUNDS


def test_an_endpoint_that_is_not_there_is_named(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert error_of(run, "dog").startswith("error: http://127.0.0.1:9/v1/: no answer from the model 'small-model': ")


def test_a_missing_key_or_model_is_named(run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert error_of(run, "dog").startswith("error: OPENAI_API_KEY: ")
    assert error_of(run, "dog", model="").startswith("error: --model: empty; expected the name of a language model")


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("The dog groomed itself meticulously", "The {subject} groomed itself meticulously"),
        ("12. A dog sleeps in the sun.", "A {subject} sleeps in the sun"),
        ("- “Dog running along the beach”", "{subject} running along the beach"),
        ("An dog in an old barn", "A {subject} in an old barn"),
        ("A dog's nose in close-up", "A {subject}'s nose in close-up"),
        ("A dog too few", "A {subject} too few"),
        ("One dog only", None),  # 3 words
        ("The dog " + "very " * 15, None),  # 17 words
        ("A dog barks at another dog", None),
        ("Many dogs run over the hill", None),
        ("A dog-friendly inn by the sea", None),
        ("# The dog is a comment", None),
        ("The dog {subject} has two subjects", None),
        ("The <new1> dog has a token", None),
    ],
)
def test_a_caption_becomes_a_template_or_is_refused(line: str, template: str | None):
    assert captions.to_template(line, "dog") == template


def test_captions_that_differ_in_capitals_alone_are_one():
    assert captions.accept("The dog sat down\nthe DOG sat Down", "dog", []) == ["The {subject} sat down"]
    assert captions.accept("The dog sat down", "dog", ["the {subject} SAT down"]) == []
