"""What is said of raters and of judges, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assay.cli.label_page import plain
from assay.evaluation.labelling.agreement import Agreement
from assay.evaluation.labelling.planning import Next
from assay.evaluation.labelling.probing import Probed
from assay.evaluation.labelling.report import AgainstPeople, JudgeReport
from assay.evaluation.reporting.wording import clipped, count, difference, estimate
from assay.scores import Estimate, Unscored

Found = Estimate | Unscored | None


def agreement_lines(found: Agreement) -> Iterator[RenderableType]:
    """Who labelled how much, and how far they agree."""
    yield Text.assemble((found.metric, "bold"), f"  {count(found.items, 'answer')}, {found.shared} by several raters")
    yield _row("alpha", found.alpha, "1: always agree, 0: as by chance")
    for name, number in found.raters.items():
        yield Text(f"  {clipped(plain(name), 30):<30} {count(number, 'label')}")
    if len(found.raters) > 2:
        for pair in found.pairs:
            names = clipped(plain(f"{pair.first}, {pair.second}"), 30)
            yield Text(f"  {names:<30} {_said(pair.alpha)} on {count(pair.items, 'answer')}")


def report_parts(report: JudgeReport) -> Iterator[RenderableType]:
    """A judge's report, top to bottom; what matters most, the corrected rate, comes first."""
    people = report.people
    n = people.cases if isinstance(people, AgainstPeople) else 0
    yield Text.assemble(
        (f"{report.metric.name} by the judge, held against people", "bold"),
        f"\n{count(n, 'labelled case')} of {report.cases:,}, {report.cannot_tell} cannot tell; run {report.run[:8]}",
    )
    for notice in report.notices:
        yield Text(f"! {plain(notice)}", "yellow")
    yield Text()
    yield _rates(report)
    if isinstance(people, AgainstPeople):
        yield from _people(people)
    yield Text("\nbias", "bold")
    yield _row("length", report.length, "score gained by an answer e times as long", signed=True)
    yield from _probed(report.probed)
    yield Text("\nraters", "bold")
    yield _row("alpha", report.agreement.alpha, f"{report.agreement.shared} answers by several raters")
    if report.next is not None:
        yield Text()
        yield from next_lines(report.next, report.metric.name, most=5)


def next_lines(found: Next, metric: str, *, most: int) -> Iterator[RenderableType]:
    """Cases to label next, and what they would bring."""
    if not found.cases:
        yield Text("every case is labelled")
        return
    yield Text.assemble(("label next", "bold"), f"  assay label --metric {metric} --propose --count {len(found.cases)}")
    if found.width is not None and found.expected is not None:
        yield Text(
            f"  the interval is {found.width:.3f} wide; after these {len(found.cases)} about {found.expected:.3f}"
        )
    elif found.width is None:
        yield Text("  how much they narrow the interval is known once there is one", "dim")
    for id, question in list(zip(found.cases, found.questions, strict=True))[:most]:
        yield Text.assemble(("  " + clipped(plain(id), 20), "cyan"), "  " + clipped(plain(question), 54))
    if len(found.cases) > most:
        yield Text(f"  … and {len(found.cases) - most} more: assay judge propose -k {len(found.cases)}", "dim")


def _rates(report: JudgeReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("rate", no_wrap=True)
    table.add_column("value [95 % interval]", no_wrap=True)
    table.add_column("width", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    rows: list[tuple[str, Found]] = [("judge alone", report.bare), ("corrected", report.corrected)]
    for name, found in rows:
        if isinstance(found, Estimate):
            method = "leaves the judge's own errors out" if name == "judge alone" else found.method
            table.add_row(name, estimate("share", found), f"{found.high - found.low:.3f}", Text(method, "dim"))
        else:
            table.add_row(name, "–", "–", Text("nothing was scored" if found is None else found.reason, "yellow"))
    return table


def _people(found: AgainstPeople) -> Iterator[RenderableType]:
    yield Text("\nagreement with people (yes from 0.5 on)", "bold")
    yield _row("accuracy", found.accuracy, "weighed back to all cases" if found.weighted else "")
    yield _row("sensitivity", found.sensitivity, "of what people accept, accepted")
    yield _row("specificity", found.specificity, "of what people reject, rejected")
    yield _row("kappa", found.kappa, "Cohen's, on yes and no")
    yield _row("alpha", found.alpha, "Krippendorff's, on the values")
    if found.weighted:
        yield Text("  labels were proposed: doubtful answers weigh more here than in the run, save in accuracy", "dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("", "judge: yes", "judge: no"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    cells = found.confusion
    table.add_row("people: yes", str(cells.true_positive), str(cells.false_negative))
    table.add_row("people: no", str(cells.false_positive), str(cells.true_negative))
    yield Text()
    yield table
    yield Text("\ncalibration", "bold")
    yield _row("error", found.error, "expected calibration error")
    for bin in found.bins:
        share = bin.observed
        yield Text(
            f"  judge {bin.low:.1f} to {bin.high:.1f}: mean {bin.predicted:.2f}, people say yes "
            f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}], n {share.n}"
        )


def _probed(found: Probed | None) -> Iterator[RenderableType]:
    if found is None:
        yield Text("  order, repeats and drift: not asked; --sample 20 asks the judge again about 20 answers", "dim")
        return
    yield _row("order flips", found.flips, "of comparisons, other winner in the other order")
    yield _row("repeats", found.repeats, "variance of the same answer judged again")
    yield _row("drift", found.drift, "now less then, on labelled answers", signed=True)
    if found.spent.calls:
        cost = "" if found.spent.cost is None else f", ${found.spent.cost:.4f}"
        yield Text(f"  asked for this: {found.spent.calls:,} calls{cost}", "dim")


def _row(name: str, found: Found, words: str, *, signed: bool = False) -> Text:
    if not isinstance(found, Estimate):
        return Text.assemble(f"  {name:<12} ", ("–  " + plain("" if found is None else found.reason), "dim"))
    said = difference("share", found) if signed else _said(found)
    return Text.assemble(f"  {name:<12} {said:<25}", (f" {words}", "dim"))


def _said(found: Estimate | Unscored) -> str:
    return estimate("share", found) if isinstance(found, Estimate) else f"– ({plain(found.reason)})"
