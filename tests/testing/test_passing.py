"""A release is held against its gate in a test: what passes, what fails, and what pytest says at its end."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import anyio
import pytest

from assay.errors import NotFound
from assay.evaluation.verdicts import Fail, Inconclusive, Pass
from assay.releases.file.scaffold import scaffold
from assay.releases.history.snapshots import keep
from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project
from assay.testing.passing import assert_passes

pytest_plugins = ["pytester"]

TOWNS = (
    "Elgin",
    "Forres",
    "Huntly",
    "Kelso",
    "Nairn",
    "Oban",
    "Peebles",
    "Selkirk",
    "Wick",
    "Yetholm",
    "Ballater",
    "Keith",
)
PLUGIN = ("-p", "no:assay", "-p", "assay.testing.pytest_plugin", "-p", "no:cacheprovider")
"""By its module rather than by its entry point, which only an installation has."""
LENIENT = {"abstention": {"margin": 0.9}}
"""As many cases as there are towns can show that a release is not worse by this."""


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with a dozen documents and cases; the release of its file is live, and has answered."""
    place = tmp_path_factory.mktemp("passing")
    (place / "documents").mkdir()
    for number, town in enumerate(TOWNS, 100):
        text = f"# Parking in {town}\n\nA parking permit in {town} costs {number} pounds a year.\n"
        (place / "documents" / f"{town}.md").write_text(text, encoding="utf-8")
    folder = place / "app"
    scaffold(folder, place / "documents", "app")
    cases = (
        {"question": f"What does a parking permit in {town} cost?", "relevant": [f"{town}.md"], "answerable": True}
        for town in TOWNS
    )
    (folder / "evals" / "example.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), "utf-8")
    project = Project.load(folder)
    with open_ingestion(project) as opened:
        anyio.run(opened.run)
    keep(project, name="live")
    return folder


@pytest.fixture
def worse(application: Path) -> Path:
    """Another file of the same application, whose release never answers."""
    path = application / "worse.toml"
    text = (application / "assay.toml").read_text("utf-8")
    path.write_text(text.replace("# abstain_below = 0.5 ", "abstain_below = 1.0 "), "utf-8")
    return path


@pytest.fixture
def reworded(application: Path) -> Path:
    """Another file, whose release differs in nothing that matters to these cases."""
    path = application / "reworded.toml"
    text = (application / "assay.toml").read_text("utf-8")
    path.write_text(text.replace("# keep = 8 ", "keep = 7 "), "utf-8")
    return path


def test_a_release_that_is_not_worse_passes_and_what_was_found_is_returned(reworded: Path) -> None:
    found = assert_passes(reworded, gate=LENIENT, scorers=["abstention"])
    assert found.comparison is not None
    assert isinstance(found.comparison.verdict, Pass)
    assert len(found.run.results) == len(TOWNS)


def test_a_release_that_is_worse_fails_with_the_summary(worse: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        assert_passes(worse, gate={"abstention": {"margin": 0.05}}, scorers=["abstention"])
    said = str(raised.value)
    assert said.startswith("fail: worse than allowed: abstention −")
    assert "| abstention | 1.000 | 0.000 |" in said


def test_what_is_inconclusive_fails_is_skipped_or_passes_as_asked(reworded: Path) -> None:
    def check(inconclusive: str) -> object:
        found = assert_passes(
            reworded, gate={"abstention": {"margin": 0.01}}, scorers=["abstention"], inconclusive=inconclusive
        )
        return None if found.comparison is None else found.comparison.verdict

    with pytest.raises(AssertionError, match=r"inconclusive: not shown either way.*margin 0\.01"):
        check("fail")
    with pytest.raises(pytest.skip.Exception, match="inconclusive"):
        check("skip")
    assert isinstance(check("pass"), Inconclusive)


def test_what_failed_is_never_let_through_as_inconclusive(worse: Path) -> None:
    with pytest.raises(AssertionError, match="fail: "):
        assert_passes(worse, gate={"abstention": {"margin": 0.05}}, scorers=["abstention"], inconclusive="pass")


@pytest.mark.anyio
async def test_it_works_where_an_event_loop_runs(reworded: Path) -> None:
    found = assert_passes(reworded, gate=LENIENT, scorers=["abstention"])
    assert found.comparison is not None
    assert not isinstance(found.comparison.verdict, Fail)


def test_a_dataset_and_a_baseline_can_be_named(reworded: Path, tmp_path: Path) -> None:
    cases = tmp_path / "one.jsonl"
    cases.write_text('{"question": "What does a parking permit in Oban cost?", "answerable": true}\n', "utf-8")
    found = assert_passes(
        reworded, cases, against=str(reworded), gate={"abstention": {"margin": 0.01}}, scorers=["abstention"]
    )
    assert [each.case.question for each in found.run.results] == ["What does a parking permit in Oban cost?"]
    with pytest.raises(NotFound, match="no release is kept under 'nope'"):
        assert_passes(reworded, against="nope", gate=LENIENT)


@pytest.mark.parametrize("bound", [{}, {"margn": 0.02}, {"margin": 0.02, "ratio": 1.2}])
def test_a_gate_that_is_written_wrongly_is_refused_before_anything_is_asked(
    application: Path, bound: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=r"gate\['abstention'\] is .*: write"):
        assert_passes(application, gate={"abstention": bound})


def test_without_a_gate_or_with_an_unknown_choice_it_says_so(application: Path) -> None:
    with pytest.raises(ValueError, match="there is no gate"):
        assert_passes(application)
    with pytest.raises(ValueError, match='"fail", "skip" or "pass"'):
        assert_passes(application, gate=LENIENT, inconclusive="maybe")


def test_the_fixture_tells_each_verdict_in_pytests_summary(
    pytester: pytest.Pytester, reworded: Path, worse: Path
) -> None:
    pytester.makepyfile(
        f"""
        GATE = {{"abstention": {{"margin": 0.9}}}}

        def test_reworded(assert_passes):
            assert_passes({str(reworded)!r}, gate=GATE, scorers=["abstention"])

        def test_worse(assert_passes):
            gate = {{"abstention": {{"margin": 0.05}}}}
            assert_passes({str(worse)!r}, gate=gate, scorers=["abstention"])

        def test_unsettled(assert_passes):
            gate = {{"abstention": {{"margin": 0.01}}}}
            assert_passes({str(reworded)!r}, gate=gate, scorers=["abstention"], inconclusive="skip")
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*= assay =*",
            "*test_reworded: pass: 1 guard passed",
            "*test_worse: fail: worse than allowed: abstention*",
            "*test_unsettled: inconclusive: not shown either way*",
        ]
    )


def test_a_session_that_asks_nothing_says_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= assay =*")


def test_pytest_finds_the_plugin_where_assay_is_installed() -> None:
    told = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert importlib.import_module(told["project"]["entry-points"]["pytest11"]["assay"]).assert_passes is not None
