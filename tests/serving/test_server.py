"""The process: how it starts, how it ends, what it says. Each test is a process of its own."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.errors import InputError
from assay.serving.app import create_app
from assay.serving.server import serve
from assay.testing.model_server import ModelServer
from assay.testing.replies import Say

PROGRAM = textwrap.dedent(
    """
    import importlib.util, sys

    spec = importlib.util.spec_from_file_location("conftest", sys.argv[1])
    conftest = importlib.util.module_from_spec(spec)
    sys.modules["conftest"] = conftest
    spec.loader.exec_module(conftest)

    from assay.serving.app import create_app
    from assay.serving.server import serve

    def say(text):
        print(text, flush=True)

    pause, grace = float(sys.argv[2]), float(sys.argv[3])
    script = (conftest.SENTENCES[0], pause, conftest.SENTENCES[1], conftest.answer())
    scripted = conftest.Scripted(script=script)
    serve(create_app(scripted.application()), host="127.0.0.1", port=0, grace=grace, ready=say, tell=say)
    say(f"closed={scripted.closed} working={scripted.working} shut={scripted.shut}")
    """
)


class Process:
    """A server as a process of its own."""

    def __init__(self, command: list[str], folder: Path | None = None) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "300"}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self.port = 0

    def listening(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return self.port
        raise AssertionError(self.said)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        rest, _ = self.process.communicate(timeout=30)
        self.said += rest.splitlines()
        return self.process.returncode

    def stream(self, model: str = "handbook", text: str = "x") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = f'{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "{text}"}}]}}'
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        return connection.getresponse()

    def refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except ConnectionRefusedError:
            return True
        return False


@contextmanager
def process(*command: str, folder: Path | None = None) -> Iterator[Process]:
    started = Process(list(command), folder)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.communicate()


def scripted(pause: float, grace: float) -> Any:
    conftest = str(Path(__file__).with_name("conftest.py"))
    return process(sys.executable, "-c", PROGRAM, conftest, str(pause), str(grace))


def test_a_signal_lets_streams_finish_and_takes_no_new_ones(make: SimpleNamespace) -> None:
    with scripted(pause=1.0, grace=20) as server:
        server.listening()
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        idle.request("GET", "/health")
        idle.getresponse().read()
        reply = server.stream()
        begun = reply.readline() + reply.readline() + reply.readline()
        assert b"[1]" in begun
        server.stop()
        make.until(server.refuses)
        rest = reply.read()
        assert b"[2][3]" in rest
        assert rest.endswith(b"data: [DONE]\n\n")
        assert server.end() == 0
    assert server.said[1:] == ["finishing 1 request(s), at most 20 s", "closed=0 working=0 shut=True"]


def broken(reply: http.client.HTTPResponse) -> bool:
    try:
        rest = reply.read()
    except (http.client.IncompleteRead, ConnectionError):
        return True
    return b"[DONE]" not in rest


def test_what_takes_longer_than_the_grace_is_cut(make: SimpleNamespace) -> None:
    with scripted(pause=60.0, grace=0.3) as server:
        server.listening()
        reply = server.stream()
        server.stop()
        assert broken(reply)
        assert server.end() == 0
    assert server.said[1:] == [
        "finishing 1 request(s), at most 0.3 s",
        "cutting 1 request(s) that are not finished",
        "closed=1 working=0 shut=True",
    ]


def test_a_second_signal_ends_it_at_once(make: SimpleNamespace) -> None:
    with scripted(pause=60.0, grace=60) as server:
        server.listening()
        reply = server.stream()
        server.stop(signal.SIGINT)
        make.until(server.refuses)
        server.stop(signal.SIGTERM)
        assert broken(reply)
        assert server.end() == 0
    assert server.said[-2:] == ["cutting 1 request(s) that are not finished", "closed=1 working=0 shut=True"]


ASSAY = (sys.executable, "-c", "from assay.cli.app import main; main()")


@pytest.mark.slow
def test_the_command(make: SimpleNamespace, tmp_path: Path) -> None:
    """The whole product: ingest, serve, a model's server, and SIGTERM in the middle of an answer."""
    said = "Shipping to Norway takes four days [1]. Parcels to Spain are handed over in two days [1]."
    with ModelServer(
        [Say(said, pieces=said.split(" ")[:1] + [f" {w}" for w in said.split(" ")[1:]], pause=0.05)]
    ).in_thread() as model:
        made = make.ingested(make.project(tmp_path, model=model.base_url))
        with process(*ASSAY, "serve", "--port", "0", folder=made.file.directory) as server:
            server.listening()
            assert len(server.said) == 1
            assert server.said[0].startswith(f"serving handbook at http://127.0.0.1:{server.port}/v1 ")
            reply = server.stream(text="How long does shipping to Norway take?")
            assert reply.status == 200
            server.stop()
            rest = reply.read()
            assert b"in two days. [2]" in rest
            assert rest.endswith(b"data: [DONE]\n\n")
            assert server.end() == 0
        assert not any("Traceback" in line for line in server.said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "assay ingest"),
        (["--api-key-env", "NO_SUCH_VARIABLE_HERE"], "NO_SUCH_VARIABLE_HERE is not set"),
        (["--port", "99999"], "65535"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    make: SimpleNamespace, tmp_path: Path, options: list[str], says: str
) -> None:
    made = make.project(tmp_path)
    with process(*ASSAY, "serve", *options, folder=made.file.directory) as server:
        assert server.end() == 2
    assert says in "\n".join(server.said)
    assert not any("Traceback" in line for line in server.said)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid:{}: there is no such host; give an address"),
        ("192.0.2.1", "cannot listen on 192.0.2.1:{}: Cannot assign requested address; give an address of this"),
        ("127.0.0.1", "cannot listen on 127.0.0.1:{}: Address already in use; choose another --port"),
    ],
)
def test_an_address_that_cannot_be_listened_on(make: SimpleNamespace, host: str, says: str) -> None:
    app = create_app(make.scripted().application())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=re.escape(says.format(port))):
            serve(app, host=host, port=port, grace=1, ready=print, tell=print)
