from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assay import traces
from assay.errors import ModelRefusedRequest
from assay.stores.database import Database
from assay.stores.traces import TraceStore
from assay.traces import CONTENT, INPUT_TOKENS, RELEASE, REQUEST_MODEL, Attribute
from assay.tracing.opening import open_recorder
from assay.tracing.recorder import Recorder
from assay.tracing.redaction import NAMES, admits

SECRET = "Is Ms Ferreira to be dismissed in March?"
NUMBERS = {
    traces.REQUEST_TEMPERATURE,
    traces.REQUEST_MAX_TOKENS,
    traces.INPUT_TOKENS,
    traces.OUTPUT_TOKENS,
    traces.CACHED_TOKENS,
    traces.CONFIDENCE,
    traces.COST,
    traces.INDEX_GENERATION,
    traces.FIRST_DELTA,
    traces.FIRST_SENTENCE,
    traces.ROLLOUT_STAGE,
    traces.PINNED,
    traces.KEPT,
    traces.PROPENSITY,
    traces.SHADOW,
}


def _answer(recorder: Recorder, secret: str) -> None:
    """Put the secret wherever a careless or an honest caller might."""
    attributes: dict[str, Attribute | None] = dict.fromkeys(CONTENT, secret)
    attributes |= {"assay.query.rewritten": secret, "hits": [secret, "x"], INPUT_TOKENS: 12}
    attributes |= {RELEASE: "abc", REQUEST_MODEL: "openai:x", "assay.some.flag": True, "scores": [0.5, 0.25]}
    with recorder.trace("answer", attributes) as root:
        root.set("assay.note", f"about {secret}")
        root.fail(ModelRefusedRequest(f"bad prompt: {secret}", model="openai:x"))
        for error in (ModelRefusedRequest(f"bad prompt: {secret}", model="openai:x"), RuntimeError(secret)):
            with pytest.raises(type(error)), recorder.span("generate", attributes):
                raise error


@given(st.text(st.characters(min_codepoint=0x41, max_codepoint=0x24F), min_size=12).map("ø{}".format))
def test_no_content_is_anywhere_in_the_exported_spans(secret: str) -> None:
    # The first letter is in no attribute's name: a secret that is such a name would be found for that alone.
    exporter = InMemorySpanExporter()
    _answer(Recorder([SimpleSpanProcessor(exporter)], content=False), secret)
    exported = [span.to_json() for span in exporter.get_finished_spans()]
    assert len(exported) == 3
    for text in exported:
        assert secret not in json.dumps(json.loads(text), ensure_ascii=False)


def test_no_content_is_anywhere_in_the_store(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "assay.db")
    recorder = open_recorder(store=TraceStore(database), content=False)
    _answer(recorder, SECRET)
    recorder.close()
    (line,) = TraceStore(database).list(10)
    assert line.question is None
    assert line.error == "ModelRefusedRequest"
    database.close()
    for file in tmp_path.iterdir():
        assert b"Ferreira" not in file.read_bytes()


def test_what_is_no_content_is_kept() -> None:
    exporter = InMemorySpanExporter()
    _answer(Recorder([SimpleSpanProcessor(exporter)], content=False), SECRET)
    found = dict(exporter.get_finished_spans()[-1].attributes or {})
    assert found == {
        INPUT_TOKENS: 12,
        RELEASE: "abc",
        REQUEST_MODEL: "openai:x",
        "assay.some.flag": True,
        "scores": (0.5, 0.25),
        traces.ERROR: "ModelRefusedRequest",
    }


def test_with_recording_on_content_is_there() -> None:
    exporter = InMemorySpanExporter()
    _answer(Recorder([SimpleSpanProcessor(exporter)], content=True), SECRET)
    spans = exporter.get_finished_spans()
    assert all(set(span.attributes or {}) >= CONTENT for span in spans)
    assert SECRET in str(spans[0].status.description)


def test_every_attribute_name_has_been_looked_at() -> None:
    """A new constant in assay.traces must be content, a name that holds none, or a number."""
    constants = {value for key, value in vars(traces).items() if key.isupper() and isinstance(value, str)}
    elsewhere = {"http.request.method", "http.route", "assay.search.mode"}
    assert constants == (CONTENT | NAMES | NUMBERS) - elsewhere
    assert not CONTENT & NAMES


@pytest.mark.parametrize("key", sorted(NUMBERS))
def test_text_under_the_name_of_a_number_is_left_out(key: str) -> None:
    assert admits(key, 3, content=False)
    assert not admits(key, "three", content=False)
