"""Datasets: whatever is wrong is named by file and line, and what is written is read again as it was."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import InputError
from assay.evaluation.cases import Case, Dataset, ExpectedCall
from assay.evaluation.datasets import jsonl
from assay.evaluation.datasets.case_lines import KEYS, case_as_dict, line_of, read_case
from assay.evaluation.datasets.files import append_cases, matching, read_cases, read_dataset, write_dataset
from assay.messages import Turn

WHOLE = Case(
    id="whole",
    question="And there?",
    expected=("yes", "Yes, there too"),
    relevant=("a.md", "b.md"),
    answerable=True,
    history=(Turn("user", "Is it here?"), Turn("assistant", "Yes.")),
    access=("hr",),
    calls=(ExpectedCall("find", {"b": 1, "a": [1, 2.5, None]}),),
    state={"orders": [{"id": 1, "open": False}]},
    tags={"area": "travel"},
    provenance={"source": "human", "by": {"name": "x"}},
    cluster="trip",
)

texts = st.text(min_size=1).filter(str.strip)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(), values, max_size=3)
unique_texts = st.lists(texts, max_size=3, unique=True).map(tuple)
cases = st.builds(
    Case,
    id=texts,
    question=texts,
    expected=st.none() | st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple),
    relevant=st.none() | unique_texts,
    answerable=st.none() | st.booleans(),
    history=st.lists(st.builds(Turn, st.sampled_from(["user", "assistant"]), st.text()), max_size=2).map(tuple),
    access=st.none() | unique_texts,
    calls=st.none() | st.lists(st.builds(ExpectedCall, texts, objects), max_size=2).map(tuple),
    state=values,
    tags=st.dictionaries(st.text(), st.text(), max_size=3),
    provenance=objects,
    cluster=st.none() | texts,
)


def written(folder: Path, text: str | bytes, name: str = "cases.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(st.lists(cases, min_size=1, max_size=4, unique_by=lambda case: case.id))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_as_it_was_and_written_alike(
    tmp_path_factory: pytest.TempPathFactory, made: list[Case]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    write_dataset(made, folder / "one.jsonl")
    read = read_dataset([folder / "one.jsonl"])
    assert list(read.cases) == made
    assert read.digest == Dataset("other name", tuple(made)).digest
    write_dataset(read, folder / "two.jsonl")
    assert (folder / "one.jsonl").read_bytes() == (folder / "two.jsonl").read_bytes()
    assert (folder / "one.jsonl").read_text(encoding="utf-8").splitlines(keepends=True) == [
        f"{line_of(case)}\n" for case in made
    ]


def test_all_keys_are_written_and_known() -> None:
    assert tuple(case_as_dict(WHOLE)) == KEYS
    assert read_case(json.loads(line_of(WHOLE)), "x") == WHOLE


def test_equal_cases_have_equal_lines_whatever_the_order_of_their_keys() -> None:
    one = Case("i", "q", state={"a": 1.0, "b": 2}, tags={"x": "1", "y": "2"})
    other = Case("i", "q", state={"b": 2, "a": 1}, tags={"y": "2", "x": "1"})
    assert one == other
    assert line_of(one) == line_of(other)


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    text = '\ufeff{"question": "one\u2028two\x85three"}\r\n\r\n  \n{"question": "last"}'
    found = read_cases(written(tmp_path, text))
    assert [case.question for case in found] == ["one\u2028two\x85three", "last"]


def test_a_case_without_id_is_named_by_what_it_asks(tmp_path: Path) -> None:
    (first,) = read_cases(written(tmp_path, '{"question": "q", "expected": "a"}\n'))
    (mended,) = read_cases(written(tmp_path, '\n{"question": "q", "expected": "b", "tags": {"x": "y"}}\n'))
    (leant,) = read_cases(written(tmp_path, '{"question": "q", "history": [{"role": "user", "text": "x"}]}\n'))
    assert first.id == mended.id != leant.id
    assert read_cases(written(tmp_path, '{"id": 7, "question": "q"}\n'))[0].id == "7"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON"),
        ("[1]", "object such as"),
        ("[", "each object on one line"),
        ('{"question": "a"} {"question": "b"}', "one object a line"),
        ('{"id": "x"}', '"question" is missing'),
        ('{"question": " "}', '"question" is empty'),
        ('{"question": 3}', "text in quotes, not 3"),
        ('{"question": "q", "expcted": "x"}', 'no key "expcted"; did you mean "expected"'),
        ('{"question": "q", "answer": "x"}', 'did you mean "expected"'),
        ('{"question": "q", "zzz": "x"}', "known: id, question"),
        ('{"question": "q", "question": "r"}', '"question" stands twice'),
        ('{"question": "q", "state": {"a": {"b": 1, "b": 2}}}', '"b" stands twice'),
        ('{"question": "q", "state": NaN}', "NaN is not JSON"),
        ('{"question": "q", "state": [-Infinity]}', "-Infinity is not JSON"),
        ('{"question": "q", "state": 1e999}', "1e999 is not JSON"),
        ('{"question": "\\ud800"}', "surrogate"),
        ('{"question": "q", "state": ' + "[" * 100 + "]" * 100 + "}", "nested deeper"),
        ('{"question": "q", "state": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
        ('{"question": "q", "state": ' + "9" * 5000 + "}", "not JSON"),
        ('{"question": "q", "id": ""}', '"id" is empty'),
        ('{"question": "q", "id": true}', '"id" is a text'),
        ('{"question": "q", "expected": []}', "empty list"),
        ('{"question": "q", "expected": 42}', 'write "42"'),
        ('{"question": "q", "expected": ["a", ""]}', '"expected" is empty'),
        ('{"question": "q", "expected": ["a", "a"]}', "twice"),
        ('{"question": "q", "relevant": "a.md"}', r'write \["a.md"\]'),
        ('{"question": "q", "relevant": [1]}', "text in quotes, not 1"),
        ('{"question": "q", "answerable": "yes"}', "true or false"),
        ('{"question": "q", "history": 3}', '"history" is a list'),
        ('{"question": "q", "history": [{"role": "system", "text": "x"}]}', "role of turn 1"),
        ('{"question": "q", "history": [{"role": "user", "content": "x"}]}', "turn 1 is not one"),
        ('{"question": "q", "history": [{"role": "user", "text": "x", "roel": "y"}]}', 'did you mean "role"'),
        ('{"question": "q", "access": "hr"}', '"access" is a list'),
        ('{"question": "q", "calls": {}}', '"calls" is a list'),
        ('{"question": "q", "calls": [{"arguments": {}}]}', "call 1"),
        ('{"question": "q", "calls": [{"name": "f", "arguments": "{}"}]}', '"arguments" is an object'),
        ('{"question": "q", "tags": ["a"]}', '"tags" is an object'),
        ('{"question": "q", "tags": {"year": 2024}}', 'tag "year" is a text in quotes, not 2024; write "2024"'),
        ('{"question": "q", "provenance": "me"}', '"provenance" is an object'),
        ('{"question": "q", "cluster": 1}', '"cluster" is a text'),
        (b'{"question": "\xff"}', "byte 15 is not UTF-8"),
    ],
)
def test_every_mistake_is_named_with_its_line(tmp_path: Path, line: str | bytes, told: str) -> None:
    data = line if isinstance(line, bytes) else line.encode()
    path = written(tmp_path, b'{"question": "fine"}\n' + data + b"\n")
    with pytest.raises(InputError, match=rf"cases\.jsonl:2: .*{told}") as caught:
        read_cases(path)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_null_is_the_same_as_leaving_a_key_out(tmp_path: Path) -> None:
    line = json.dumps({"question": "q", **dict.fromkeys(set(KEYS) - {"question"})})
    assert read_cases(written(tmp_path, line)) == read_cases(written(tmp_path, '{"question": "q"}'))


def test_other_encodings_and_endless_lines_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"cases\.jsonl:1: the file is UTF-16"):
        read_cases(written(tmp_path, '{"question": "q"}'.encode("utf-16")))
    monkeypatch.setattr(jsonl, "LONGEST", 100)
    with pytest.raises(InputError, match=r"cases\.jsonl:2: the line has more than 100 bytes"):
        read_cases(written(tmp_path, '{"question": "q"}\n{"question": "' + "q" * 200 + '"}\n'))


def test_two_cases_with_one_id_are_both_named(tmp_path: Path) -> None:
    first = written(tmp_path, '\n{"id": "x", "question": "a"}\n', "a.jsonl")
    second = written(tmp_path, '{"id": "y", "question": "b"}\n{"id": "x", "question": "c"}\n', "b.jsonl")
    with pytest.raises(InputError, match=rf"{second}:2: the id \"x\" is that of {first}:2 too"):
        read_dataset([first, second])


def test_patterns_join_files_in_order_and_none_twice(tmp_path: Path) -> None:
    for name in ("b", "a", "[c]"):
        written(tmp_path, f'{{"id": "{name}", "question": "{name}"}}\n', f"{name}.jsonl")
    written(tmp_path, "broken", ".hidden.jsonl")
    found = read_dataset(["*.jsonl", "b.jsonl"], base=tmp_path)
    assert [case.id for case in found.cases] == ["[c]", "a", "b"]
    assert read_dataset(["[c].jsonl"], base=tmp_path).name == "[c]"
    assert matching(tmp_path / "a.jsonl") == [tmp_path / "a.jsonl"]
    with pytest.raises(InputError, match="no file matches"):
        read_dataset(["none*.jsonl"], base=tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        read_dataset([tmp_path])
    with pytest.raises(InputError, match=r"missing\.jsonl: cannot be read"):
        read_dataset(["missing.jsonl"], base=tmp_path)
    with pytest.raises(InputError, match="no case in it"):
        read_dataset([written(tmp_path, "\n\n", "empty.jsonl")])


@pytest.mark.parametrize(
    "case",
    [
        Case("", "q"),
        Case("i", "  "),
        Case("i", "q", expected=()),
        Case("i", "q", state=float("nan")),
        Case("i", "q", state={1, 2}),
        Case("i", "q\ud800"),
        Case("i", "q", tags={"a": 1}),  # type: ignore[dict-item]
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, '{"question": "before"}\n')
    with pytest.raises(InputError, match="case"):
        write_dataset([case], path)
    with pytest.raises(InputError, match="case"):
        append_cases(path, [case])
    assert path.read_text(encoding="utf-8") == '{"question": "before"}\n'


def test_a_file_is_written_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, '{"question": "before"}\n')
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)

    def broken(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(InputError, match="cannot be written: No space left"):
            write_dataset([WHOLE], link)
    assert path.read_text(encoding="utf-8") == '{"question": "before"}\n'
    write_dataset([WHOLE], link)
    assert link.is_symlink()
    assert read_cases(path) == [WHOLE]
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cases.jsonl", "link.jsonl"]


def test_what_is_there_stays_to_the_byte_when_cases_are_appended(tmp_path: Path) -> None:
    odd = b'\xef\xbb\xbf{ "question" : "odd",\t"id":"a"}\r\n\n{"id":"b","question":"last"}'
    path = written(tmp_path, odd)
    append_cases(path, [WHOLE])
    assert path.read_bytes() == odd + b"\n" + line_of(WHOLE).encode() + b"\n"
    with pytest.raises(InputError, match=r'"whole" is that of .*cases\.jsonl:4 too'):
        append_cases(path, [WHOLE])
    assert len(read_cases(path)) == 3
    append_cases(tmp_path / "new" / "file.jsonl", [WHOLE])
    assert read_cases(tmp_path / "new" / "file.jsonl") == [WHOLE]


def test_several_may_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"

    def add(n: int) -> None:
        for i in range(5):
            append_cases(path, [Case(f"{n}-{i}", "q")])

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {case.id for case in read_cases(path)} == {f"{n}-{i}" for n in range(4) for i in range(5)}
