from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.releases.file.locator import KeyPath, locate, nearest


@dataclass
class Written:
    """A TOML text under construction, with the line on which each key path was written."""

    lines: list[str] = field(default_factory=list)
    places: dict[KeyPath, int] = field(default_factory=dict)

    def add(self, text: str, path: KeyPath = ()) -> None:
        if path:
            self.places[path] = len(self.lines) + 1
        self.lines.extend(text.split("\n"))


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6)
_BARE = st.from_regex(r"\A[A-Za-z0-9_-]{1,6}\Z")
_KEYS = _BARE | _WORDS
_NOISE = st.sampled_from(["", "", " # [not.a.table]", "   # key = 1", "\t# \"\"\" '''"])
_BLANKS = st.sampled_from([None, "", "# comment = 3", "   ", "#[[x]]", "\t"])


def _key(draw: st.DrawFn, key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    styles = [json.dumps(key, ensure_ascii=draw(st.booleans())).replace("\x7f", "\\u007f")]
    if any(ord(c) > 0xFFFF for c in key):
        styles = [json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")]
    if bare:
        styles.append(key)
    if "'" not in key and "\x7f" not in key:
        styles.append(f"'{key}'")
    return draw(st.sampled_from(styles))


_SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "inf",
        "true",
        "1979-05-27 07:32:00",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        '"x = [1] # no"',
        '"a \\" b"',
        "'C:\\'",
        "'[x]'",
        '"""x"""',
        '"""\n[table]\nkey = 1 # no\n"" \\""" \\\\"""',
        '"""a""""',
        '"""a"""""',
        "'''\n[[t]]\n'k' = 1\n'''",
        "'''a''''",
        "[]",
        "{}",
    ]
)


@st.composite
def _documents(draw: st.DrawFn) -> Written:
    """Tables, arrays of tables, dotted and quoted keys, inline tables, arrays over lines, comments."""
    text = Written()
    _pairs(draw, text, ())
    for name in draw(st.lists(_KEYS, unique=True, max_size=4).map(lambda names: [f"t{n}" for n in names])):
        if draw(st.booleans()):
            _table(draw, text, name)
        else:
            _array_of_tables(draw, text, name)
    return text


def _table(draw: st.DrawFn, text: Written, name: str) -> None:
    _blank(draw, text)
    below = draw(st.lists(_KEYS, max_size=2))
    path: KeyPath = (name, *below)
    spelled = [_key(draw, part) for part in (name, *below)]
    dot = draw(st.sampled_from([".", " . "]))
    header = draw(st.sampled_from(["[{}]", "[ {} ]", "  [{}]"])).format(dot.join(spelled))
    line = len(text.lines) + 1
    for depth in range(1, len(path) + 1):
        text.places.setdefault(path[:depth], line)
    text.add(header + draw(_NOISE))
    _pairs(draw, text, path)


def _array_of_tables(draw: st.DrawFn, text: Written, name: str) -> None:
    for number in range(draw(st.integers(1, 3))):
        _blank(draw, text)
        line = len(text.lines) + 1
        text.places.setdefault((name,), line)
        text.places[(name, number)] = line
        spelled = _key(draw, name)
        text.add(f"[[{spelled}]]" + draw(_NOISE))
        _pairs(draw, text, (name, number))
        if draw(st.booleans()):
            text.add(f"[{spelled}.zz-sub]", (name, number, "zz-sub"))
            _pairs(draw, text, (name, number, "zz-sub"))


def _pairs(draw: st.DrawFn, text: Written, table: KeyPath) -> None:
    for key in draw(st.lists(_KEYS, unique=True, max_size=4).map(lambda keys: [f"k{k}" for k in keys])):
        _blank(draw, text)
        path: KeyPath = (*table, key)
        spelled = _key(draw, key)
        text.places[path] = len(text.lines) + 1
        if draw(st.booleans()):
            inner = draw(_BARE)
            spelled += draw(st.sampled_from([".", " . "])) + inner
            path = (*path, inner)
            text.places[path] = len(text.lines) + 1
        equals = draw(st.sampled_from(["=", " = ", "   =\t"]))
        kind = draw(st.sampled_from(["scalar", "array", "inline"]))
        if kind == "scalar":
            text.add(f"{spelled}{equals}{draw(_SCALARS)}{draw(_NOISE)}")
        elif kind == "inline":
            inner = _key(draw, "in.ner")
            text.places[(*path, "in.ner")] = text.places[(*path, "b")] = len(text.lines) + 1
            value = draw(_SCALARS)
            text.add(f"{spelled}{equals}{{ {inner} = 1, b = {value} }}{draw(_NOISE)}")
        else:
            text.add(f"{spelled}{equals}[{draw(_NOISE)}")
            for number in range(draw(st.integers(0, 3))):
                text.add(f"  {draw(_SCALARS)}{draw(_NOISE)}\n  ,", (*path, number))
            text.add("]")


def _blank(draw: st.DrawFn, text: Written) -> None:
    line = draw(_BLANKS)
    if line is not None:
        text.add(line)


def _paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ({path} if path else set()) | {p for key, item in items for p in _paths(item, (*path, key))}


@given(_documents(), st.booleans())
def test_every_key_is_located_on_the_line_that_holds_it(written: Written, windows: bool) -> None:
    text = ("\r\n" if windows else "\n").join(written.lines)
    data = tomllib.loads(text)  # what is generated is valid
    lines = locate(text)
    assert set(lines) == _paths(data)
    for path, line in written.places.items():
        assert lines[path] == line, path


def test_a_header_of_its_own_is_preferred_to_one_that_implies_the_table() -> None:
    lines = locate("[a.b]\nx = 1\n[a]\ny = 2\n")
    assert lines == {("a",): 3, ("a", "b"): 1, ("a", "b", "x"): 2, ("a", "y"): 4}


def test_tables_below_an_array_of_tables_belong_to_its_last_entry() -> None:
    lines = locate("[[a]]\n[a.b]\nx=1\n[[a]]\n[[a.c]]\n[[a.c]]\ny=1")
    assert lines[("a", 0, "b", "x")] == 3
    assert lines[("a", 1, "c", 1, "y")] == 7
    assert lines[("a", 1, "c")] == 5


def test_the_nearest_line_is_the_closest_table_that_is_there() -> None:
    lines = locate("\n[a]\nx = 1")
    assert nearest(lines, ("a", "y", 3)) == 2
    assert nearest(lines, ("b",)) is None


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n# comments", "x = 1", "x = 1 # end"])
def test_small_texts(text: str) -> None:
    assert set(locate(text)) == _paths(tomllib.loads(text))
