"""Labels as a file: the same after a round trip, and every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import InputError
from assay.evaluation.labelling.content import content_of, sample_of
from assay.evaluation.labelling.label_file import read_labels, write_labels
from assay.stores.labelled import Draw

if TYPE_CHECKING:
    from tests.evaluation.labelling.conftest import MakeWorld


@pytest.fixture
def written(world: MakeWorld, tmp_path: Path) -> Path:
    w = world(4)
    w.label(w.truth)
    draw = Draw("proposed:0:x", "faithfulness", 1.5, tuple(w.truth), dict.fromkeys(w.truth, 0.25))
    contents = {unit.items[0]: content_of(unit.items[0], unit.results[0]) for unit in w.population}
    path = tmp_path / "labels.jsonl"
    assert write_labels(path, w.labels, contents, [draw]) == 4
    found = read_labels(path)
    assert list(found.labels) == w.labels
    assert {each.item: each for each in found.contents} == contents
    assert found.draws == (draw,)
    assert sample_of(found.contents[0]).case == w.population[0].case
    return path


def test_what_is_written_is_read_again(written: Path) -> None:
    assert len(written.read_text("utf-8").splitlines()) == 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": 2}, '"value" is a number from 0 to 1, not 2'),
        ({"value": "yes"}, '"value" is a number'),
        ({"rater": None}, '"rater" is missing'),
        ({"kind": "note"}, '"kind" is "label" or "draw", not "note"'),
        ({"vlaue": 1}, 'there is no key "vlaue"'),
        ({"case": {"format": 1, "id": "x"}}, "question"),
        ({"answer": {"format": 1, "failed": {"kind": "x", "message": "y"}}}, "not a failure"),
        ({"answer": None}, "object"),
        ({"probability": -0.1}, '"probability" is a number from 0 to 1'),
    ],
)
def test_a_mistake_is_named_with_file_and_line(written: Path, change: dict[str, Any], told: str) -> None:
    lines = written.read_text("utf-8").splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    written.write_text("\n".join(lines), "utf-8")
    with pytest.raises(InputError, match=r"labels\.jsonl:3: ") as error:
        read_labels(written)
    assert told in str(error.value)


def test_a_line_without_a_value_or_an_id(written: Path) -> None:
    value = json.loads(written.read_text("utf-8").splitlines()[1])
    del value["id"]
    written.write_text(json.dumps(value), "utf-8")
    assert read_labels(written).labels == read_labels(written).labels
    del value["value"]
    written.write_text(json.dumps(value), "utf-8")
    with pytest.raises(InputError, match='"value" is missing'):
        read_labels(written)
