"""Measuring a release: which cases, which guards, which baseline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from assay.errors import ConfigError, InputError, NotFound
from assay.evaluation.verdicts import Inconclusive
from assay.releases.file.scaffold import scaffold
from assay.releases.history.snapshots import LIVE, keep
from assay.releases.ingesting import open_ingestion
from assay.releases.measuring.evaluating import Wanted, baseline, dataset_of, evaluate, foreseen
from assay.releases.measuring.recomputing import recomputed
from assay.releases.project import Project

CASES = [
    {"id": "a", "question": "How many days of holiday are there?", "relevant": ["rules.md"], "tags": {"area": "time"}},
    {"id": "b", "question": "What may a hotel cost?", "relevant": ["rules.md"], "tags": {"area": "money"}},
    {"id": "c", "question": "Who won the Derby?", "answerable": False},
]
RULES = "# Rules\n\nThere are 30 days of holiday a year.\n\nA hotel may cost 140 euros a night.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "rules.md").write_text(RULES, encoding="utf-8")
    scaffold(tmp_path / "app", tmp_path / "documents", "app")
    lines = "".join(json.dumps(case) + "\n" for case in CASES)
    (tmp_path / "app" / "evals" / "example.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path / "app"


def edited(folder: Path, old: str, new: str) -> Project:
    file = folder / "assay.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    return Project.load(file)


def ingest(project: Project) -> None:
    with open_ingestion(project) as opened:
        anyio.run(opened.run)


def ids(project: Project, wanted: Wanted) -> list[str]:
    return [case.id for case in dataset_of(project, wanted).cases]


def test_the_cases_are_those_of_the_file_or_those_named_cut_and_tagged(folder: Path) -> None:
    project = Project.load(folder)
    assert ids(project, Wanted()) == ["a", "b", "c"]
    assert ids(project, Wanted(limit=2)) == ["a", "b"]
    assert ids(project, Wanted(tags={"area": "money"})) == ["b"]
    other = folder.parent / "other.jsonl"
    other.write_text('{"id": "z", "question": "Why?"}\n', "utf-8")
    assert ids(project, Wanted(datasets=[str(other)])) == ["z"]


def test_a_part_of_a_dataset_is_another_dataset(folder: Path) -> None:
    project = Project.load(folder)
    whole, part = dataset_of(project, Wanted()), dataset_of(project, Wanted(limit=2))
    assert whole.digest != part.digest


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"area": "law"}, "area is one of: money, time"),
        ({"language": "de"}, "the tags are: area"),
        ({"area": "money", "language": "de"}, "tagged area=money, language=de; the tags are: area"),
    ],
)
def test_tags_that_no_case_has_are_told_with_those_there_are(folder: Path, tags: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        dataset_of(Project.load(folder), Wanted(tags=tags))


def test_tags_that_no_case_has_together_are_told(folder: Path) -> None:
    with (folder / "evals" / "example.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "d", "question": "And?", "tags": {"language": "de"}}\n')
    with pytest.raises(InputError, match=r"none of the 4 cases of example is tagged area=money, language=de$"):
        dataset_of(Project.load(folder), Wanted(tags={"area": "money", "language": "de"}))


def test_without_cases_it_says_where_to_name_them(folder: Path) -> None:
    project = edited(folder, "datasets = ", "# datasets = ")
    with pytest.raises(InputError, match=r"--dataset, or datasets = .* in \[evaluation\]"):
        dataset_of(project, Wanted())


def test_a_baseline_is_a_name_a_digest_a_file_or_a_folder(folder: Path) -> None:
    project = Project.load(folder)
    with pytest.raises(NotFound, match="no release is live yet"):
        baseline(project, LIVE)
    keep(project, name=LIVE)
    changed = edited(folder, "# keep = 8 ", "keep = 7 ")
    assert changed.release.digest != project.release.digest
    for name in (LIVE, project.release.digest, project.release.digest[:9]):
        assert baseline(changed, name).release.digest == project.release.digest
    assert baseline(changed, str(folder)).release.digest == changed.release.digest
    assert baseline(changed, str(folder / "assay.toml")).release.digest == changed.release.digest
    with pytest.raises(ConfigError, match="there is no such file"):
        baseline(changed, str(folder / "nope.toml"))
    with pytest.raises(InputError, match="git"):
        baseline(changed, "git:HEAD")


def test_a_release_is_measured_compared_foreseen_and_computed_again(folder: Path) -> None:
    project = Project.load(folder)
    ingest(project)
    keep(project, name=LIVE)
    gate = "[evaluation.gate]\nabstention = { margin = 0.1 }\nlatency_p95 = { ratio = 9.0 }\n"
    changed = edited(folder, "[evaluation.gate]", gate)
    changed = edited(folder, "# keep = 8 ", "keep = 7 ")
    wanted = Wanted(scorers=["abstention"], against=LIVE)
    before = anyio.run(foreseen, changed, wanted)
    assert {label: each.answers.missing for label, each in before.items()} == {"this file": 3, LIVE: 3}

    found = anyio.run(evaluate, changed, wanted)
    assert found.comparison is not None
    assert found.baseline is not None
    assert (found.run.subject, found.baseline.subject) == (changed.release.digest, project.release.digest)
    assert [each.guard.metric for each in found.comparison.guards] == ["abstention", "latency"]
    assert {metric.name for metric in found.run.metrics} >= {"abstention", "errors", "latency", "cost"}
    assert found.run.work.answers == 3

    again = anyio.run(evaluate, changed, wanted)
    assert (again.run.work.answers, again.run.work.answers_reused) == (0, 3)
    assert again.run.work.scores == 0
    assert all(not each.answers.missing for each in anyio.run(foreseen, changed, wanted).values())

    assert found.kept is not None
    computed = recomputed(None, found.kept, None)
    assert computed.comparison == found.comparison
    assert computed.differences == ()
    assert "is the same" in computed.notices[0]
    assert found.baseline_artifact is not None
    ungated = recomputed(None, found.artifact, found.baseline_artifact)
    assert ungated.comparison is not None
    assert ungated.comparison.verdict is None


def test_guards_without_a_measure_are_refused_or_left_out_with_a_notice(folder: Path) -> None:
    project = Project.load(folder)
    ingest(project)
    keep(project, name=LIVE)
    gated = edited(folder, "[evaluation.gate]", "[evaluation.gate]\nabstention = { margin = 0.1 }\n")
    with pytest.raises(InputError, match=r"evaluation\.gate\.abstention: nothing measures it"):
        anyio.run(evaluate, gated, Wanted(scorers=["retrieval"], against=LIVE))
    assert all(each.answers.known == 0 for each in anyio.run(foreseen, gated, Wanted(scorers=["latency"])).values())
    found = anyio.run(evaluate, gated, Wanted(scorers=["retrieval"], against=LIVE, whole_gate=False))
    assert any("abstention is not asked" in notice for notice in found.notices)


def test_latency_is_judged_only_where_both_were_timed_side_by_side(folder: Path) -> None:
    ingest(Project.load(folder))
    keep(Project.load(folder), name=LIVE)
    live = Project.load(folder)
    gated = edited(folder, "[evaluation.gate]", "[evaluation.gate]\nlatency = { ratio = 900.0 }\n")
    changed = edited(folder, "# keep = 8 ", "keep = 7 ")
    assert changed.release.digest != live.release.digest
    anyio.run(evaluate, changed, Wanted())
    wanted = Wanted(against=LIVE)
    apart = anyio.run(evaluate, changed, wanted)
    assert apart.comparison is not None
    assert isinstance(apart.comparison.verdict, Inconclusive)
    assert "--fresh-latency" in apart.comparison.verdict.why
    assert apart.baseline is not None
    assert (apart.run.work.answers, apart.baseline.work.answers) == (0, 3)
    assert apart.kept is not None
    assert recomputed(None, apart.kept, None).differences == ()

    fresh = replace(wanted, fresh_latency=True)
    foretold = anyio.run(foreseen, changed, fresh)
    assert {label: each.answers.missing for label, each in foretold.items()} == {"this file": 3, LIVE: 3}
    found = anyio.run(evaluate, changed, fresh)
    assert found.comparison is not None
    assert "side by side" not in str(found.comparison.verdict)
    assert found.baseline is not None
    assert (found.run.work.answers, found.baseline.work.answers) == (3, 3)
    again = anyio.run(evaluate, changed, wanted)
    assert again.comparison == found.comparison
    assert gated.manifest.evaluation.gate
