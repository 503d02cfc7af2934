"""A model hub on this machine, of one repository: what huggingface_hub 2.4 asks of a real one, over real HTTP."""

import hashlib
import json
import re
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
GATED = "someone/gated"
REPOSITORY = "someone/model"
LARGE = (".safetensors", ".bin")  # in LFS: the hub names their SHA-256
FILES = {
    "model_index.json": b"{}",
    "unet/config.json": b'{"sample_size": 64}',
    "unet/diffusion_pytorch_model.safetensors": bytes(range(256))
    * 4096
    * 12,  # 12 MiB: clients keep what came in pieces of 10
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "unet/diffusion_pytorch_model.non_ema.safetensors": b"other",
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "safety_checker/model.safetensors": b"unused",
    "tokenizer/merges.txt": b"#version: 0.2\n",
    "README.md": b"# A model",
}
WANTED = sorted(file for file in FILES if not re.search(r"fp16|non_ema|\.bin|safety_checker|README", file))


class Hub(ThreadingHTTPServer):
    """Serves FILES.

    Attributes:
        fetched: the names of the files that were sent, in order, each with the first byte asked for.
        cut: bytes of a body after which the connection ends, once; None for never.
        swapped: a file that is sent with other bytes than the hub's list says.
        endless: a file that is sent again and again, in chunks.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fetched: list[tuple[str, int]] = []
        self.cut: int | None = None
        self.swapped: str | None = None
        self.endless: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if asked := re.fullmatch(r"/api/models/(\w+/\w+)/revision/(\w+)", path):
            if not self._refused(*asked.groups(), gated=False):  # a gated repository is no secret, its files are
                siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
                self._send(json.dumps({"id": asked[1], "sha": asked[2], "siblings": siblings}).encode(), {}, body)
        elif listed := re.fullmatch(r"/api/models/(\w+/\w+)/tree/(\w+)", path):
            if not self._refused(*listed.groups(), gated=False):
                self._send(json.dumps([entry(*item) for item in FILES.items()]).encode(), {}, body)
        elif resolved := re.fullmatch(r"/(\w+/\w+)/resolve/(\w+)/(.+)", path):
            repository, revision, file = resolved.groups()
            if not self._refused(repository, revision):
                self._file(file, body)
        else:
            self.send_error(404)

    def _refused(self, repository: str, revision: str, gated: bool = True) -> bool:
        code = {REPOSITORY: None, GATED: "GatedRepo" if gated else None}.get(repository, "RepoNotFound")
        if code is None and revision != REVISION:
            code = "RevisionNotFound"
        if code:
            self._send(b"", {"X-Error-Code": code}, False, 403 if code == "GatedRepo" else 404)
        return code is not None

    def _file(self, name: str, body: bool) -> None:
        content, start = FILES[name], 0
        if asked := re.match(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(asked[1])
        if body:
            self.server.fetched.append((name, start))
        headers = {"X-Repo-Commit": REVISION, "ETag": f'"{etag(name, content)}"', "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if body and name == self.server.endless:
            self._send_without_end(content)
            return
        sent = content[::-1] if name == self.server.swapped else content
        self._send(sent[start:], headers, body, 206 if start else 200)

    def _send_without_end(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(OSError):  # until the client leaves
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def _send(self, content: bytes, headers: dict[str, str], body: bool, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.server.cut is not None and len(content) > self.server.cut:
            content, self.server.cut = content[: self.server.cut], None
        if body:
            self.wfile.write(content)


def etag(name: str, content: bytes) -> str:
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(name: str, content: bytes) -> dict:
    described = {"type": "file", "path": name, "size": len(content), "oid": etag(name, content)}
    if name.endswith(LARGE):
        described["lfs"] = {"oid": etag(name, content), "size": len(content), "pointerSize": 130}
    return described
