"""Every case of a run: question, answer, what was expected, scores and citations, folded until opened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from assay.evaluation.cases import Case
from assay.evaluation.records import Result
from assay.evaluation.reporting.markup import Child, Markup, element, joined
from assay.evaluation.reporting.summary import Report, case_value
from assay.evaluation.reporting.wording import count, value
from assay.evaluation.samples import Answered, Failed, Outcome
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored, Unscored

BUDGET = 1_200_000
"""Bytes of text that all cases together may show, so that a page of a thousand stays under 3 MB."""
LEAST, MOST = 240, 4000
MOST_CITATIONS = 6
CHIPS = 3
HEADING = 300


def anchors(report: Report) -> dict[str, str]:
    """The place of each case in the page, by its id."""
    return {case: f"case-{index}" for index, case in enumerate(report.run.by_case(), start=1)}


def cases(report: Report) -> Markup:
    """The list with what filters and sorts it. Without a script all of it is there, in the order of the dataset."""
    found, places = report.run.by_case(), anchors(report)
    before = report.baseline.by_case() if report.baseline is not None else {}
    flipped = {flip.case for flip in report.comparison.flips} if report.comparison is not None else set()
    texts = max(1, len(report.run.results) * (2 if before else 1))
    limit = min(MOST, max(LEAST, BUDGET // (2 * texts)))
    listed = [
        _case(report, places[id], results, before.get(id, ()), flipped=id in flipped, limit=limit)
        for id, results in found.items()
    ]
    return element("div", _controls(report, len(found)), element("div", listed, id="cases"), class_="cases")


def _controls(report: Report, number: int) -> Markup:
    metrics = [metric.name for metric in report.run.metrics]
    states = ["all cases", "flipped", "failed", "abstained", "unscored"]
    tags = sorted({f"{t} = {v}" for r in report.run for t, v in r.case.tags.items()})
    return element(
        "form",
        _field("Find", element("input", type="search", id="find", placeholder="words of a question or an answer")),
        _field("Show", _select("state", states)),
        _field("Slice", _select("slice", ["every slice", *tags[:200]])) if tags else None,
        _field("Sort by", _select("sort", ["dataset's order", *(f"{m}, lowest first" for m in metrics)])),
        element("p", count(number, "case"), id="shown", role="status", aria_live="polite"),
        id="controls",
        hidden=True,
    )


def _field(name: str, control: Markup) -> Markup:
    return element("label", element("span", name), control)


def _select(id: str, options: Sequence[str]) -> Markup:
    return element("select", [element("option", name, value=str(i)) for i, name in enumerate(options)], id=id)


def _case(
    report: Report, place: str, results: Sequence[Result], before: Sequence[Result], *, flipped: bool, limit: int
) -> Markup:
    case = results[0].case
    states = _states(results, flipped=flipped)
    values = [case_value(results, metric.name) for metric in report.run.metrics]
    return element(
        "details",
        element(
            "summary",
            element("code", case.id),
            element("span", _cut(case.question, HEADING), dir="auto"),
            element("span", list(_chips(report.run.metrics, values, states)), class_="chips"),
        ),
        element("div", list(_body(report, results, before, limit)), class_="body"),
        id=place,
        class_="case",
        data_state=" ".join(states) or None,
        data_values=json.dumps([None if v is None else _short(v) for v in values], separators=(",", ":")),
        data_slices="\n".join(f"{tag} = {value}" for tag, value in case.tags.items()) or None,
    )


def _states(results: Sequence[Result], *, flipped: bool) -> list[str]:
    outcomes = [result.outcome for result in results]
    tests = {
        "flipped": flipped,
        "failed": any(isinstance(outcome, Failed) for outcome in outcomes),
        "abstained": any(isinstance(outcome, Answered) and outcome.abstained is not None for outcome in outcomes),
        "unscored": any(isinstance(m.score, Unscored) for result in results for m in result.scores.values()),
    }
    return [name for name, holds in tests.items() if holds]


def _chips(metrics: Sequence[Metric], values: Sequence[float | None], states: Sequence[str]) -> Iterator[Markup]:
    for state in states:
        if state != "unscored":
            yield element("span", state, class_=f"chip {state}")
    known = [(m, v) for m, v in zip(metrics, values, strict=True) if v is not None and m.kind == "share"]
    for metric, found in known[:CHIPS]:
        low = found < 0.5 if metric.higher_is_better else found > 0.5
        yield element("span", metric.name, " ", element("b", f"{found:.2f}"), class_="chip low" if low else "chip")


def _body(report: Report, results: Sequence[Result], before: Sequence[Result], limit: int) -> Iterator[Markup]:
    case = results[0].case
    yield from _known(case, limit)
    for result in results:
        again = f" (repeat {result.repeat + 1})" if len(results) > 1 else ""
        yield from _outcome(f"Answer{again}", result.outcome, limit)
        yield _scores(report.run.metrics, result.scores, again)
    for result in before[:1]:
        yield from _outcome("Answer of the baseline", result.outcome, max(LEAST, limit // 2), whole=False)


def _known(case: Case, limit: int) -> Iterator[Markup]:
    """What is known of a case before it is asked."""
    for turn in case.history[-4:]:
        yield from _text(f"Earlier, {turn.role}", turn.text, limit // 2)
    if _cut(case.question, HEADING) != case.question:  # else the summary above shows all of it
        yield from _text("Question", case.question, limit)
    if case.expected is not None:
        yield from _text("Expected", " — or — ".join(case.expected), limit)
    if case.answerable is False:
        yield from _text("Expected", "an abstention: the documents do not answer this", limit)
    if case.relevant is not None:
        yield from _text("Relevant", ", ".join(case.relevant) or "no document", limit)


def _outcome(name: str, outcome: Outcome, limit: int, *, whole: bool = True) -> Iterator[Markup]:
    if isinstance(outcome, Failed):
        yield from _text(name, f"failed: {outcome.kind}: {outcome.message}", limit)
        yield from _facts([("trace", outcome.trace)])
        return
    if outcome.abstained is not None:
        yield from _text(name, f"abstained: {outcome.abstained}. {outcome.text}", limit)
    else:
        yield from _text(name, outcome.text, limit)
    facts = [
        ("confidence", None if outcome.confidence is None else f"{outcome.confidence:.2f}"),
        ("trace", outcome.trace),
    ]
    if whole:
        yield from _citations(outcome, limit)
        facts += [
            ("took", None if outcome.milliseconds is None else value("milliseconds", outcome.milliseconds)),
            ("cost", None if outcome.cost is None else value("dollars", outcome.cost)),
            ("model", outcome.model or None),
        ]
    yield from _facts(facts)


def _citations(outcome: Answered, limit: int) -> Iterator[Markup]:
    if not outcome.citations:
        return
    shown = [
        element("li", element("code", f"{c.document}:{c.start}-{c.end}"), " ", element("q", _cut(c.quote, limit // 4)))
        for c in outcome.citations[:MOST_CITATIONS]
    ]
    left = len(outcome.citations) - len(shown)
    more = element("p", f"… and {left} more", class_="quiet") if left else None
    number = count(len(outcome.citations), "citation")
    yield element("details", element("summary", number), element("ol", shown), more, class_="citations")


def _scores(metrics: Sequence[Metric], scores: Mapping[str, Measured], again: str) -> Markup:
    rows = [
        element("li", element("span", metric.name), " ", _score(metric, scores[metric.name]))
        for metric in metrics
        if metric.name in scores
    ]
    return element("ul", rows, class_="scores", aria_label=f"Scores{again}")


def _score(metric: Metric, found: Measured) -> Child:
    detail = json.dumps(dict(found.detail), ensure_ascii=False, default=str) if found.detail else ""
    told = element("code", _cut(detail, 160), class_="detail") if detail else None
    match found.score:
        case Scored(number):
            return [element("b", value(metric.kind, number)), told]
        case Unscored(reason):
            return [element("em", f"unscored: {_cut(reason, 160)}"), told]


def _facts(pairs: Sequence[tuple[str, str | None]]) -> Iterator[Markup]:
    known = [(name, text) for name, text in pairs if text]
    if known:
        yield element("p", [element("span", f"{name} ", element("code", text)) for name, text in known], class_="facts")


def _text(name: str, words: str, limit: int) -> Iterator[Markup]:
    yield element("h4", name)
    yield element("p", _cut(words, limit), class_="text", dir="auto")


def _short(number: float) -> float:
    """Enough of a number to sort by."""
    return float(f"{number:.5g}")


def _cut(words: str, limit: int) -> str:
    """What takes about ``limit`` bytes in the page, saying how many characters are left out."""
    size = len(joined(words).encode())
    kept = len(words) if size <= limit else int(len(words) * limit / size)
    left = len(words) - kept
    return words if left <= 40 else f"{words[:kept].rstrip()} … ({left:,} more characters)"
