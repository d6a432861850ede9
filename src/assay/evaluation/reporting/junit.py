"""A result as JUnit's XML, which continuous integration shows as tests.

A guard is a test case: ``fail`` is a failure, ``inconclusive`` an error of its own type, since
nothing was shown either way and neither may pass for a success. An answer that failed is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from assay.evaluation.records import Result
from assay.evaluation.reporting.decisions import decisions, demand
from assay.evaluation.reporting.provenance import facts
from assay.evaluation.reporting.summary import Report
from assay.evaluation.reporting.wording import (
    clipped,
    count,
    difference,
    estimate,
    verdict_reason,
    verdict_word,
)
from assay.evaluation.samples import Failed
from assay.evaluation.verdicts import Comparison, Decided, Fail, Flip, Inconclusive, Pass, Verdict

MOST_FLIPS = 50
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def junit_xml(report: Report) -> str:
    """One ``testsuite``: a case that the evaluation ran, one for each guard, one for each failed answer.

    Where the overall verdict is not the guards' own, it is a test case too.
    """
    run = report.run
    cases = list(_cases(report))
    totals = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": "0",
        "time": f"{run.work.seconds:.3f}",
    }
    name = _held(f"assay eval {run.dataset}")
    suites = Element("testsuites", {"name": name, **totals})
    when = datetime.fromtimestamp(run.started, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = SubElement(suites, "testsuite", {"name": name, "timestamp": when, "hostname": "localhost", **totals})
    properties = SubElement(suite, "properties")
    for key, told in facts(run).items():
        SubElement(properties, "property", {"name": key, "value": _held(told)})
    suite.extend(cases)
    indent(suites)
    return tostring(suites, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _cases(report: Report) -> Iterator[Element]:
    run, comparison = report.run, report.comparison
    ran = _case("run", f"{run.label} on {count(report.summary.cases, 'case')}", run.work.seconds)
    _text(ran, "system-out", "\n".join(_numbers(report)))
    yield ran
    if comparison is not None:
        guards = decisions(comparison)
        for each in guards:
            yield _guarded(comparison, each)
        if comparison.verdict is not None and not any(isinstance(g.verdict, type(comparison.verdict)) for g in guards):
            overall = _case("gate", f"not worse than {comparison.baseline}")
            _judge(overall, comparison.verdict)
            yield overall
    for result in run:
        if isinstance(result.outcome, Failed):
            yield _failed(result, result.outcome, run.repeats)


def _guarded(comparison: Comparison, decided: Decided) -> Element:
    name = decided.guard.metric
    case = _case("gate", f"{name}: {demand(comparison, decided)}")
    _judge(case, decided.verdict)
    lines = []
    for of in comparison.metrics:
        if of.metric.name == name:
            lines.append(
                f"difference {difference(of.metric.kind, of.difference)} over {count(of.difference.n, 'case')}"
            )
            lines += [f"slice {s.tag}={s.value}: {difference(of.metric.kind, s.difference)}" for s in of.slices]
    lines += [_flip(flip) for flip in comparison.flips if flip.metric == name][:MOST_FLIPS]
    _text(case, "system-out", "\n".join(lines))
    return case


def _judge(case: Element, verdict: Verdict) -> None:
    reason = _held(verdict_reason(verdict))
    match verdict:
        case Fail():
            SubElement(case, "failure", {"type": "fail", "message": reason or "worse than allowed"})
        case Inconclusive():
            SubElement(case, "error", {"type": "inconclusive", "message": reason or "nothing is shown"})
        case Pass():
            pass


def _failed(result: Result, outcome: Failed, repeats: int) -> Element:
    again = f" (repeat {result.repeat + 1})" if repeats > 1 else ""
    case = _case("cases", f"{result.case.id}{again}", (outcome.milliseconds or 0.0) / 1000)
    error = SubElement(case, "error", {"type": _held(outcome.kind), "message": _held(clipped(outcome.message, 300))})
    trace = f"\ntrace: {outcome.trace}" if outcome.trace else ""
    error.text = _held(f"question: {result.case.question}\n{outcome.message}{trace}")
    return case


def _numbers(report: Report) -> Iterator[str]:
    for each in report.summary.metrics:
        unscored = sum(each.unscored.values())
        told = (
            "not scored"
            if each.best is None
            else f"{estimate(each.metric.kind, each.best)} over {count(each.best.n, 'case')}"
        )
        yield f"{each.metric.name}: {told}" + (f", {unscored} unscored" if unscored else "")
    if report.comparison is not None:
        yield f"verdict: {verdict_word(report.comparison.verdict)}"


def _flip(flip: Flip) -> str:
    traces = f"traces {flip.trace_before or '–'} → {flip.trace_after or '–'}"
    return f"flip {flip.case}: {flip.before:.2f} → {flip.after:.2f} ({traces}) {clipped(flip.question, 120)}"


def _case(part: str, name: str, seconds: float = 0.0) -> Element:
    return Element("testcase", {"classname": f"assay.{part}", "name": _held(name), "time": f"{seconds:.3f}"})


def _text(parent: Element, name: str, words: str) -> None:
    SubElement(parent, name).text = _held(words)


def _held(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
