"""JUnit's XML, as continuous integration reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.evaluation.records import Run
from assay.evaluation.reporting.junit import junit_xml
from assay.evaluation.reporting.summary import Report, report
from assay.evaluation.samples import Failed
from assay.evaluation.verdicts import Decided, Fail, Guard, Inconclusive, Pass, Verdict


def suite(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    found = root.find("testsuite")
    assert found is not None
    cases = found.findall("testcase")
    assert int(found.attrib["tests"]) == len(cases)
    assert int(found.attrib["failures"]) == len(found.findall("testcase/failure"))
    assert int(found.attrib["errors"]) == len(found.findall("testcase/error"))
    assert all(case.attrib["name"] and case.attrib["classname"] for case in cases)
    return found


@pytest.mark.parametrize(
    ("verdict", "tag", "type_"),
    [(Pass("fine"), None, None), (Fail("worse"), "failure", "fail"), (Inconclusive("few", 9), "error", "inconclusive")],
)
def test_a_guard_is_a_test_that_says_its_verdict(
    verdict: Verdict, tag: str | None, type_: str | None, make_report: Callable[..., Report]
) -> None:
    found = make_report(40, verdict=verdict)
    assert found.comparison is not None
    guards = (Decided(Guard("correctness", margin=0.02), verdict, None),)
    found = replace(found, comparison=replace(found.comparison, guards=guards))
    [case] = [c for c in suite(junit_xml(found)).findall("testcase") if c.attrib["classname"] == "assay.gate"]
    assert case.attrib["name"] == "correctness: not worse by more than 0.020"
    said = [child for child in case if child.tag in ("failure", "error")]
    assert [child.tag for child in said] == ([] if tag is None else [tag])
    assert [child.attrib["type"] for child in said] == ([] if type_ is None else [type_])


def test_a_verdict_that_no_guard_has_is_a_test_of_its_own(make_report: Callable[..., Report]) -> None:
    found = make_report(40, verdict=Fail("the budget is spent"))
    assert found.comparison is not None
    kept = tuple(each for each in found.comparison.guards if not isinstance(each.verdict, Fail))
    text = junit_xml(replace(found, comparison=replace(found.comparison, guards=kept)))
    assert [f.attrib["message"] for f in suite(text).findall("testcase/failure")] == ["the budget is spent"]


def test_an_answer_that_failed_is_an_error_with_its_question(make_report: Callable[..., Report]) -> None:
    found = make_report(200)
    failed = [r for r in found.run if isinstance(r.outcome, Failed)]
    cases = [c for c in suite(junit_xml(found)).findall("testcase") if c.attrib["classname"] == "assay.cases"]
    assert [c.attrib["name"] for c in cases] == [r.case.id for r in failed]
    error = cases[0].find("error")
    assert error is not None
    assert failed[0].case.question in (error.text or "")


def test_a_run_alone_without_failures_is_one_test_that_passed(make_run: Callable[..., Run]) -> None:
    run = make_run(5)
    run = replace(run, results=tuple(r for r in run if not isinstance(r.outcome, Failed)))
    found = suite(junit_xml(report(run)))
    assert (found.attrib["tests"], found.attrib["failures"], found.attrib["errors"]) == ("1", "0", "0")


def test_one_case_is_one_case(make_run: Callable[..., Run]) -> None:
    run = make_run(1)
    [ran] = [c for c in suite(junit_xml(report(run))).findall("testcase") if c.attrib["classname"] == "assay.run"]
    said = ran.findtext("system-out") or ""
    assert "over 1 case" in said
    assert not re.search(r"\b1 cases", said)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.sampled_from(["]]>", "<&\"'>", "\x00\x0b\ud800\uffff", "<!DOCTYPE x>"]))
def test_any_text_gives_valid_xml(
    make_run: Callable[..., Run], spoil: Callable[[Run, str], Run], text: str, more: str
) -> None:
    run = spoil(make_run(2), text + more)
    failed = replace(run.results[0], outcome=Failed(more + text, text + more, trace=text))
    found = suite(junit_xml(report(replace(run, results=(failed, *run.results[1:])))))
    assert found.findall("testcase/error")
