"""A comparison as a file: written, read, computed again, held against what was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.digest import digest
from assay.errors import InputError, StoreError
from assay.evaluation.artifacts import run_file as artifact
from assay.evaluation.artifacts.comparison_file import Compares, as_dict, bounded, differences, read, write
from assay.evaluation.cases import Case
from assay.evaluation.comparison import compare
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Measured, Metric
from assay.evaluation.verdicts import Comparison, Guard
from assay.scores import Scored, Unscored

METRIC = Metric("correctness", judged=True)
LATENCY = Metric("latency", "milliseconds", higher_is_better=False)
GUARDS = (Guard("correctness", margin=0.1), Guard("latency", ratio=1.2, quantile=0.95))


def run(label: str, values: list[float | None]) -> Run:
    """Case i has the i-th value as its correctness, and a latency."""
    results = []
    for number, value in enumerate(values):
        scores = {
            "correctness": Measured(Unscored("nothing expected") if value is None else Scored(value)),
            "latency": Measured(Scored(100.0 + number)),
        }
        case = Case(f"c{number}", f"question {number}?", tags={"half": str(number % 2)})
        results.append(Result(case, 0, Answered("so it is", trace=f"{label}{number}"), scores))
    used = (ScorerUsed("correctness", "1", (METRIC,)), ScorerUsed("latency", "1", (LATENCY,)))
    return Run(label * 12, label, label, "", "d", digest([]), used, 1, tuple(results), 1e9)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Comparison]:
    ours, theirs = run("a", [1.0, 0.0] * 15), run("b", [1.0] * 29 + [None])
    compared = compare(ours, theirs, GUARDS)
    files = [(each, artifact.write(each, tmp_path / "runs")) for each in (ours, theirs)]
    return write(compared, files[0], files[1], GUARDS, tmp_path / "comparisons"), compared


def loaded(path: Path) -> Compares:
    found = read(path)
    assert found is not None
    return found


def test_what_is_computed_again_from_the_two_runs_is_what_was_said(kept: tuple[Path, Comparison]) -> None:
    path, compared = kept
    found = loaded(path)
    assert found.guards == GUARDS
    runs = path.parent.parent / "runs"
    again = compare(
        artifact.read(runs / found.run), artifact.read(runs / found.baseline), found.guards, alpha=found.alpha
    )
    assert differences(found.said, again) == []
    assert found.said["verdict"]["verdict"] == type(compared.verdict).__name__.lower()


def test_every_number_that_was_tampered_with_is_named(kept: tuple[Path, Comparison]) -> None:
    path, compared = kept
    said: dict[str, Any] = json.loads(path.read_text("utf-8"))["said"]
    said["verdict"]["verdict"] = "pass"
    said["metrics"][0]["difference"]["value"] += 0.001
    said["guards"][1]["effect"]["high"] = 1.0
    del said["flips"][0]
    said["praise"] = "splendid"
    found = differences(said, compared)
    assert [each.partition(":")[0] for each in found] == [
        "verdict.verdict",
        "guards[1].effect.high",
        "metrics[0].difference.value",
        "flips",
        "praise",
    ]


def test_the_file_is_json_that_every_reader_reads(tmp_path: Path) -> None:
    ours, theirs = run("a", [None] * 6), run("b", [1.0] * 6)
    compared = compare(ours, theirs, GUARDS)
    files = [(each, artifact.write(each, tmp_path / "runs")) for each in (ours, theirs)]
    text = write(compared, files[0], files[1], GUARDS, tmp_path / "comparisons").read_text("utf-8")

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    value = json.loads(text, parse_constant=refuse)
    difference = value["said"]["metrics"][0]["difference"]
    assert (difference["low"], difference["high"], difference["unscored"]) == (None, None, 6)
    assert '"inf"' not in text
    assert differences(value["said"], compared) == []


def test_bounds_that_no_data_set_are_null() -> None:
    assert bounded({"a": float("inf"), "b": (1.5, float("-inf")), "c": [float("nan"), "inf", True, 3]}) == {
        "a": None,
        "b": [1.5, None],
        "c": [None, "inf", True, 3],
    }


def test_json_of_another_kind_is_none_of_its_own(tmp_path: Path) -> None:
    other = artifact.write(run("a", [1.0]), tmp_path)
    assert read(other) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON, or cut off"),
        ("\udcff", "not JSON|cannot be read"),
        ('{"kind": "assay-comparison", "format": 9}', "format 9.*upgrade"),
        ('{"kind": "assay-comparison", "format": 1, "run": "a"}', "damaged"),
        (
            '{"kind": "assay-comparison", "format": 1, "run": "a", "baseline": "b", "alpha": "x", "guards": []}',
            "damaged",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "comparison.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said) as raised:
        read(path)
    assert str(path) in str(raised.value)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "nowhere.json")


def test_a_folder_that_cannot_be_written_is_named(kept: tuple[Path, Comparison], tmp_path: Path) -> None:
    ours = run("a", [1.0])
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="file"):
        write(kept[1], (ours, tmp_path / "a.json"), (ours, tmp_path / "b.json"), GUARDS, tmp_path / "file")


def test_a_verdict_tells_what_it_needs(kept: tuple[Path, Comparison]) -> None:
    told = as_dict(kept[1])
    assert told["cases"] == 30
    assert {each["guard"]["metric"] for each in told["guards"]} == {"correctness", "latency"}
    assert all(each["verdict"].keys() == {"verdict", "why", "needs"} for each in told["guards"])
