"""A run in a file, and the runs of a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.digest import Digest
from assay.errors import InputError, NotFound, StoreError
from assay.evaluation.artifacts.environment import environment, git_revision
from assay.evaluation.artifacts.experiments import find, listing, load
from assay.evaluation.artifacts.run_file import read, read_summary, summary, write
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.samples import Answered, Failed, Passage
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.scores import Scored, Unscored


def made(id: str = "ab12" + 12 * "0", values: Sequence[float | None] = (1.0, 0.5, None), **fields: object) -> Run:
    passage = Passage("d", 0, 4, "text")
    results = tuple(
        Result(
            Case(f"c{at}", f"question {at}"),
            0,
            Failed("ModelTimeout", "late") if value is None else Answered("yes", ("d",), (passage,)),
            {"faithfulness": Measured(Unscored("failed") if value is None else Scored(value))},
        )
        for at, value in enumerate(values)
    )
    given = {
        "label": "live",
        "subject": "5ub1ec7",
        "state": "g1",
        "dataset": "handbook",
        "dataset_digest": Digest("da7a"),
        "scorers": (ScorerUsed("faithfulness", "f@1", (Metric("faithfulness"),)),),
        "repeats": 1,
        "results": results,
        "started": 1_763_824_300.25,
        "work": Work(3, answering=Spent(3, cost=0.02), scoring=Spent(cost=0.01)),
        "environment": {"git": "c0ffee"},
    }
    return Run(id, **{**given, **fields})  # type: ignore[arg-type]


def test_a_run_comes_back_whole(tmp_path: Path) -> None:
    run = made()
    path = write(run, tmp_path / "experiments")
    assert path.name == "20251122T151140Z-ab1200000000.json"
    assert read(path) == run
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_passages_and_cases_stand_once(tmp_path: Path) -> None:
    run = made(values=[1.0] * 50)
    value = json.loads(write(run, tmp_path).read_text(encoding="utf-8"))
    assert len(value["artifact"]["passages"]) == 1


def test_a_summary_is_read_from_the_beginning_or_wherever_it_stands(tmp_path: Path) -> None:
    run = made(label='odd ,"artifact":{ \ud800 label')
    path = write(run, tmp_path)
    found = read_summary(path)
    assert found == summary(run)
    assert (found.cases, found.failed) == (3, 1)
    assert found.cost == pytest.approx(0.03)
    mean = found.means["faithfulness"]
    assert (mean.value, mean.n, mean.unscored) == (0.75, 2, 1)
    value = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"artifact": value["artifact"], **value}, indent=2), encoding="utf-8")
    assert read_summary(path) == found
    assert read(path) == run


def test_means_of_nothing_are_none(tmp_path: Path) -> None:
    found = read_summary(write(made(values=[None, None]), tmp_path))
    assert found.means["faithfulness"].value is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"{}", "not the artifact of a run"),
        (b'{"kind":"assay-run","format":99,"artifact":{}}', "upgrade"),
        (b'{"kind":"assay-run","format":1,"artifact":{"format":1}}', "missing"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"x.json: .*{told}"):
        read(path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="file"):
        write(made(), tmp_path / "file")


def test_runs_are_listed_newest_first_and_what_is_broken_is_told(tmp_path: Path) -> None:
    assert listing(tmp_path / "none").runs == ()
    for at in range(3):
        write(made(f"{at}" * 16, started=1e9 + at), tmp_path)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    found = listing(tmp_path)
    assert [run.summary.id[0] for run in found.runs] == ["2", "1", "0"]
    assert len(found.unreadable) == 1
    assert "broken.json" in found.unreadable[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abc"),
        ("faithfulness>0.8", "a"),
        ("faithfulness>=0.5", "ab"),
        ("faithfulness<.6", "b"),
        ("relevance>0", ""),
        ("label:live", "ab"),
        ("LIVE", "ab"),
        ("release:5UB", "abc"),
        ("dataset:hand faithfulness>0", "ab"),
        ("c0ffee label:git", "c"),
        ("id:b", "b"),
    ],
)
def test_runs_are_searched(tmp_path: Path, query: str, found: str) -> None:
    write(made("a" * 16, [0.9], started=1.0), tmp_path)
    write(made("b" * 16, [0.5], started=2.0), tmp_path)
    write(made("c" * 16, [None], started=3.0, label="git:main"), tmp_path)
    assert "".join(sorted(run.summary.id[0] for run in listing(tmp_path, query).runs)) == found


def test_a_field_that_no_run_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labl"):
        listing(tmp_path, "labl:live")


def test_runs_are_loaded_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    write(made("ab" * 8, started=1.0), tmp_path)
    write(made("ac" * 8, started=2.0), tmp_path)
    assert load(tmp_path, "AB").id == "ab" * 8
    assert load(tmp_path, "latest").id == "ac" * 8
    with pytest.raises(InputError, match="several"):
        find(tmp_path, "a")
    for unknown in ("f", "", " "):
        with pytest.raises(NotFound):
            find(tmp_path, unknown)


def test_the_environment_names_versions(tmp_path: Path) -> None:
    found = environment(tmp_path, packages=("numpy", "no-such-package"))
    assert {"assay", "python", "system", "numpy"} <= found.keys()
    assert "no-such-package" not in found
    assert git_revision(tmp_path) is None
