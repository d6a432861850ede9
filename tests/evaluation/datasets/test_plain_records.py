from __future__ import annotations

import io
import json
from typing import Any

import pytest

from assay.evaluation.datasets import plain_records
from assay.evaluation.datasets.plain_records import Unread, records
from assay.evaluation.samples import Answered, Sample


def read(*lines: str | bytes | dict[str, Any], separator: str = "") -> list[Sample | Unread]:
    data = b"\n".join(
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    )
    return list(records(io.BytesIO(data), "r.jsonl", separator=separator))


def whole(found: Sample | Unread) -> tuple[Sample, Answered]:
    assert isinstance(found, Sample), found
    assert isinstance(found.outcome, Answered)
    return found, found.outcome


def test_a_record_is_a_sample() -> None:
    line = {"id": 7, "question": "Q?", "contexts": ["é👍", "two"], "answer": "A", "expected": ["x", "y"], "model": 1}
    sample, answer = whole(read(line)[0])
    assert (sample.case.id, sample.case.question, sample.case.expected) == ("7", "Q?", ("x", "y"))
    assert answer.text == "A"
    assert answer.passages is not None
    assert [(p.document, p.start, p.end, p.text) for p in answer.passages] == [("1", 0, 2, "é👍"), ("2", 0, 3, "two")]


def test_what_is_not_there_is_not_known() -> None:
    sample, answer = whole(read({"answer": "A", "question": None})[0])
    assert (sample.case.id, sample.case.question, sample.case.expected) == ("1", "", None)
    assert (answer.passages, answer.retrieved) == (None, None)
    assert whole(read({"answer": "", "contexts": []})[0])[1].passages == ()


def test_a_stroke_divides_only_where_that_is_asked_for() -> None:
    line = {"answer": "A", "expected": "A/B / A"}
    assert whole(read(line)[0])[0].case.expected == ("A/B / A",)
    assert whole(read(line, separator="/")[0])[0].case.expected == ("A", "B")
    assert whole(read({"answer": "A", "expected": ["A/B", "C"]})[0])[0].case.expected == ("A/B", "C")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "an object"),
        ('{"id": "a"}', '"answer" is missing'),
        ('{"answer": 5}', '"answer" must be a text, not 5'),
        ('{"answer": "a", "contexts": "one"}', '"contexts" must be a list of texts'),
        ('{"answer": "a", "expected": [1]}', '"expected" must be a list of texts'),
        ('{"answer": "a", "answerable": "yes"}', '"answerable" must be true or false'),
        ('{"answer": "a", "answer": "b"}', "twice"),
        (b'{"answer": "\xff"}', "byte 13 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_the_next_is_read(line: str | bytes, says: str) -> None:
    bad, good = read(line, {"id": "good", "answer": "a"})
    assert isinstance(bad, Unread)
    assert str(bad.error).startswith("r.jsonl:1: ")
    assert says in str(bad.error)
    assert whole(good)[0].case.id == "good"


def test_a_bad_record_keeps_its_id_and_any_other_has_the_number_of_its_line() -> None:
    bad, other = read("", {"id": "x"}, "", "?")
    assert isinstance(bad, Unread)
    assert isinstance(other, Unread)
    assert (bad.id, other.id) == ("x", "4")
    assert str(other.error).startswith("r.jsonl:4: ")


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_records, "LONGEST", 100)
    bad, good = read({"answer": "x" * 350}, {"answer": "a"})
    assert isinstance(bad, Unread)
    assert "more than 100 bytes" in str(bad.error)
    assert whole(good)[1].text == "a"


def test_a_byte_order_mark_is_no_part_of_the_first_record() -> None:
    assert whole(read(b'\xef\xbb\xbf{"answer": "a"}')[0])[1].text == "a"
