"""A result as one HTML file that needs nothing else: no network, no library, and no script to be read."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from importlib.resources import files

from assay.evaluation.reporting import figures, svg, tables
from assay.evaluation.reporting.case_list import anchors, cases
from assay.evaluation.reporting.decisions import decisions, told
from assay.evaluation.reporting.flips import flips
from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.provenance import provenance
from assay.evaluation.reporting.summary import Report
from assay.evaluation.reporting.wording import count, value, verdict_reason, verdict_word, when
from assay.evaluation.verdicts import Comparison, Pass, Verdict


def html_report(report: Report) -> str:
    """The page. Texts of documents, questions and answers are escaped; a policy in it forbids every request
    and every script but its own."""
    style, script = Markup(_asset("page.css")), Markup(_asset("page.js"))
    run = report.run
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
            element("meta", name="color-scheme", content="light dark"),
            element("title", f"{run.label} on {run.dataset}: {verdict_word(_verdict(report))}"),
            element("style", style),
        ),
        element(
            "body",
            element("a", "Skip to the metrics", href="#metrics", class_="skip"),
            _header(report),
            element("main", list(_sections(report))),
            element("footer", element("p", f"Assay · run {run.id} · {when(run.started)}")),
            element("script", script),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _header(report: Report) -> Markup:
    run, summary = report.run, report.summary
    word = verdict_word(_verdict(report))
    against = f" against {report.comparison.baseline}" if report.comparison is not None else ""
    return element(
        "header",
        element("p", "Assay evaluation", class_="kicker"),
        element("h1", run.label, element("span", f" on {run.dataset}{against}")),
        element(
            "div",
            element("strong", _headline(report)),
            *_because(report),
            class_=f"verdict {word}",
            role="note",
            aria_label="Verdict",
        ),
        element("dl", [_fact(name, words) for name, words in _facts(report)], class_="glance"),
        element(
            "p",
            "Release ",
            element("code", run.subject[:12], title=run.subject),
            " · dataset ",
            element("code", run.dataset_digest[:12], title=run.dataset_digest),
            " · ",
            count(summary.cases, "case"),
            f" · {when(run.started)}",
            class_="digests",
        ),
    )


def _verdict(report: Report) -> Verdict | None:
    return report.comparison.verdict if report.comparison is not None else None


def _headline(report: Report) -> str:
    comparison = report.comparison
    if comparison is None:
        return "Measured"
    match verdict_word(comparison.verdict):
        case "pass":
            return f"Pass: not worse than {comparison.baseline}"
        case "fail":
            return f"Fail: worse than {comparison.baseline}"
        case "inconclusive":
            return "Inconclusive"
        case _:
            return f"Compared with {comparison.baseline}"


def _because(report: Report) -> Iterator[Markup]:
    """What the verdict rests on: the guards that have the same one."""
    comparison = report.comparison
    if comparison is None:
        yield element("p", "One release on its own: there is no baseline to be better or worse than.")
    elif comparison.verdict is None:
        yield element("p", "No metric is guarded, so there is nothing to pass or fail.")
    else:
        alike = [each for each in decisions(comparison) if isinstance(each.verdict, type(comparison.verdict))]
        if isinstance(comparison.verdict, Pass) or not alike:
            yield element("p", verdict_reason(comparison.verdict) or "Every guard holds.")
        else:
            yield element("ul", [element("li", told(comparison, each)) for each in alike])


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    summary = report.summary
    yield "answered", f"{summary.answered:,}"
    yield "abstained", f"{summary.abstained:,}"
    yield "failed", f"{summary.failed:,}"
    if summary.latency_p50 is not None:
        yield "latency p50", value("milliseconds", summary.latency_p50.value)
    if summary.latency_p95 is not None:
        yield "latency p95", value("milliseconds", summary.latency_p95.value)
    if summary.cost is not None:
        yield "cost of an answer", value("dollars", summary.cost.value)
    if summary.total_cost is not None:
        yield "cost of all", value("dollars", summary.total_cost)


def _fact(name: str, words: str) -> Markup:
    return element("div", element("dt", name), element("dd", words))


def _sections(report: Report) -> Iterator[Markup]:
    comparison = report.comparison
    yield _section("metrics", "Metrics", _key(report), tables.metrics(report), _note(report))
    if comparison is not None:
        words = f"Paired over {count(comparison.cases, 'case')}; p adjusted by Holm; α = {comparison.alpha:g}. "
        words += "“Could show” is the smallest difference that these cases would reveal four times out of five."
        yield _section("comparison", f"Against {comparison.baseline}", element("p", words), tables.compared(comparison))
        regressed = tables.regressed(comparison)
        nothing = element("p", "No slice is worse than the baseline, with the interval widened for their number.")
        yield _section("regressed", "Slices that regressed", regressed or nothing)
        yield _flips(report, comparison)
    for id, title, drawn in (
        ("differences", "Differences and cost", figures.decisive(report)),
        ("confidence", "What confidence is worth", figures.confidence(report)),
        ("distributions", "Distributions", figures.distributions(report)),
    ):
        if drawn:
            yield _section(id, title, element("div", drawn, class_="figures"))
    if sliced := tables.slices(report.summary):
        yield _section("slices", "Slices", sliced)
    yield _section(
        "missing", "Failed and unscored", tables.missing(report.summary) or element("p", "Nothing is missing.")
    )
    yield _section("all", "Cases", cases(report))
    yield _section("provenance", "Provenance", provenance(report))


def _flips(report: Report, comparison: Comparison) -> Markup:
    if not comparison.flips:
        return _section("flips", "Flips", element("p", "No case is judged otherwise than before."))
    words = "Cases that a metric puts on the other side than before. To read a trace: "
    hint = element("p", words, element("code", "assay trace show ID"), ".")
    return _section("flips", "Flips", hint, flips(comparison, anchors(report)))


def _key(report: Report) -> Markup | None:
    return None if report.baseline_summary is None else svg.legend(figures.RELEASES)


def _note(report: Report) -> Markup | None:
    """What the reader must know of metrics that a model judged."""
    names = [each.metric.name for each in report.summary.metrics if each.uncorrected and each.estimate is not None]
    if not names:
        return None
    words = f"Uncorrected: {', '.join(names)}. Judged by a model and checked by nobody: the interval leaves out "
    return element("p", words, "the judge's own error. Labels from people correct that.", class_="note")


def _section(id: str, title: str, *children: Child) -> Markup:
    return element("section", element("h2", title, id=id), *children, aria_labelledby=id)


def _policy(script: str) -> str:
    hashed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = ("default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{hashed}'")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def _asset(name: str) -> str:
    return files("assay.evaluation.reporting").joinpath(name).read_text(encoding="utf-8")
