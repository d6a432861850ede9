from __future__ import annotations

import builtins
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from assay.errors import PluginError
from assay.traces import INPUT_TOKENS, QUESTION
from assay.tracing.opening import open_recorder
from assay.tracing.otlp import signal_url, to_collector
from assay.tracing.recorder import Recorder


@dataclass
class Collector:
    """A local OTLP receiver: keeps what was posted, answers with ``status``."""

    status: int = 200
    posted: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""

    def spans(self) -> list[Any]:
        messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        found = []
        for _, body in self.posted:
            request = messages.ExportTraceServiceRequest.FromString(body)
            found += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()


def test_spans_arrive_as_protobuf(collector: Collector) -> None:
    recorder = open_recorder(otlp=collector.url, service="handbook")
    with recorder.trace("answer", {QUESTION: "Why?"}) as root, recorder.span("generate", {INPUT_TOKENS: 12}):
        pass
    recorder.close()
    assert {path for path, _ in collector.posted} == {"/v1/traces"}
    child, parent = collector.spans()
    assert (child.name, parent.name) == ("generate", "answer")
    assert parent.trace_id.hex() == root.trace
    assert child.parent_span_id == parent.span_id
    assert {a.key: a.value.int_value for a in child.attributes} == {INPUT_TOKENS: 12}
    assert {a.key: a.value.string_value for a in parent.attributes} == {QUESTION: "Why?"}


def test_no_content_goes_out_when_recording_is_off(collector: Collector) -> None:
    recorder = open_recorder(otlp=collector.url, content=False)
    with recorder.trace("answer", {QUESTION: "Why Ferreira?"}):
        pass
    recorder.close()
    assert len(collector.spans()) == 1
    assert not any(b"Ferreira" in body for _, body in collector.posted)


def test_a_collector_that_refuses_is_reported_once(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    collector.status = 400
    reports: list[str] = []
    processor = to_collector(collector.url, report=reports.append)
    recorder = Recorder([processor])
    for _ in range(2):
        with recorder.trace("answer"):
            pass
        assert recorder.flush(10)
    recorder.close()
    assert processor.lost == 2
    assert len(reports) == 1
    assert collector.url in reports[0]
    assert capsys.readouterr().err == ""


def test_a_name_and_password_are_not_shown() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    reports: list[str] = []
    processor = to_collector("http://user:hunter2@127.0.0.1:9/v1/traces", report=reports.append)
    processor._give_up(1, "gone")
    processor.shutdown()
    assert "hunter2" not in reports[0]
    assert "127.0.0.1:9" in reports[0]


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if name.startswith("opentelemetry.exporter.otlp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PluginError, match=r"pip install 'assay\[otlp\]'"):
        open_recorder(otlp="http://localhost:4318")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("https://collector.example/custom/v1/traces", "https://collector.example/custom/v1/traces"),
    ],
)
def test_where_spans_are_posted(endpoint: str, url: str) -> None:
    assert signal_url(endpoint) == url


def test_logging_that_was_set_up_still_hears_the_exporter(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    with caplog.at_level(logging.WARNING):
        recorder = open_recorder(otlp=collector.url, report=lambda message: None)
        with recorder.trace("answer"):
            pass
        recorder.close()
    assert any("opentelemetry" in record.name for record in caplog.records)
