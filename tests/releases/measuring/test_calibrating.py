"""Cases are read as JSONL, and a threshold goes into the file only where nothing else changes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from assay.answering.calibration import Calibration, ScoredCase, calibrate
from assay.errors import InputError
from assay.evaluation.datasets.files import read_cases
from assay.messages import Turn
from assay.releases.measuring.calibrating import keep
from assay.releases.project import Project


def fitted() -> Calibration:
    return calibrate([ScoredCase(n / 10, n > 4) for n in range(10)])


def project(folder: Path, text: str) -> Project:
    path = folder / "assay.toml"
    path.write_text(text, encoding="utf-8")
    return Project.load(path)


@pytest.mark.parametrize(
    "text",
    [
        '[app]\nname = "x"\n',
        '[app]\nname = "x"\n\n[answer]  # how\nroute = ["local"]\n\n[limits]\ndata = "local"\n',
        '[app]\nname = "x"\n[answer]\nabstain_below = 0.2  # mine\nroute = ["local"]',
        '[app]\nname = "a\u2028b"\n',
    ],
)
def test_a_threshold_is_written_and_the_rest_stays(tmp_path: Path, text: str) -> None:
    opened = project(tmp_path, text)
    before = tomllib.loads(text)
    after = tomllib.loads(keep(opened, fitted()).read_text(encoding="utf-8"))
    assert after["answer"].pop("abstain_below") == round(fitted().threshold, 4)
    before.get("answer", {}).pop("abstain_below", None)
    assert {name: table for name, table in after.items() if table} == before


@pytest.mark.parametrize(
    "answer",
    [
        "answer.abstain_below = 0.2",
        'answer = { abstain_below = 0.2, route = ["local"] }',
        'answer.route = ["local"]',
    ],
)
def test_a_form_that_a_line_cannot_change_is_left_alone(tmp_path: Path, answer: str) -> None:
    text = f'{answer}\n[app]\nname = "x"\n'
    opened = project(tmp_path, text)
    with pytest.raises(InputError, match=r"assay\.toml.*nothing was written.*answer\.abstain_below"):
        keep(opened, fitted())
    assert (tmp_path / "assay.toml").read_text(encoding="utf-8") == text


def test_cases_are_lines_whatever_their_text_holds(tmp_path: Path) -> None:
    case = {"question": "one\u2028two\x85three", "history": [{"role": "user", "text": "before"}]}
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(case, ensure_ascii=False) + "\n\n", encoding="utf-8")
    (found,) = read_cases(path)
    assert found.question == case["question"]
    assert found.history == (Turn("user", "before"),)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[" * 100_000, "not JSON"),
        ('{"question": "q", "history": ["x"]}', "history"),
        ('{"question": "q", "relevant": "a.md"}', "relevant"),
    ],
)
def test_a_case_that_is_wrong_is_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(f'{{"question": "fine"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(InputError, match=rf"cases\.jsonl:2: .*{told}"):
        read_cases(path)
