"""``assay label`` and ``assay judge``: what people say of answers, and what a judge is worth beside them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from assay.cli.options import AsJson, File
from assay.cli.output import emit, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.evaluation.labelling.book import LabelBook
    from assay.evaluation.records import Run
    from assay.stores.labels import LabelStore

RunId: TypeAlias = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its beginning, or 'latest'.")]
MetricName: TypeAlias = Annotated[
    str, typer.Option("--metric", "-m", help="By default the first judged one.", show_default=False)
]
ANSWERS = "answers"


class _Answers(TyperGroup):
    """A group whose command is ``answers`` where none is named: ``assay label latest``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [ANSWERS, *args]
        return super().parse_args(ctx, args)


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    label = typer.Typer(
        cls=_Answers,
        help="Say of answers what a judge can only estimate: `assay label [RUN]`, the same as `assay label answers`.",
    )
    label.command(ANSWERS)(answers)
    label.command("agreement")(agreement)
    cli.add_typer(label, name="label")
    judge = typer.Typer(no_args_is_help=True, help="Judges, held against what people say.")
    judge.command("report")(report)
    judge.command("propose")(propose)
    cli.add_typer(judge, name="judge")


def answers(
    run: RunId = "latest",
    metric: MetricName = "",
    rater: Annotated[str, typer.Option(help="Who labels; by default the user's name.", show_default=False)] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many answers at most; 0 for all.")] = 0,
    propose: Annotated[
        bool, typer.Option("--propose", help="Show answers that narrow the interval most, not random ones.")
    ] = False,
    second: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="Of the answers that others labelled, show this share.")
    ] = 0.2,
    scale: Annotated[str, typer.Option(help="yes-no or 1-5; by default the metric's.", show_default=False)] = "",
    seed: Annotated[int, typer.Option(help="Another number is another random order.")] = 0,
    imported: Annotated[Path | None, typer.Option("--import", metavar="FILE", show_default=False)] = None,
    exported: Annotated[Path | None, typer.Option("--export", metavar="FILE", show_default=False)] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Label the answers of a run, key by key. Every key is kept at once; the next call goes on from there.

    --import adds the labels of a JSONL file, --export writes all there are (of --metric, where given).
    """
    from assay.releases.measuring.labelling import load_run, opened_labels
    from assay.releases.project import Project

    project = Project.load(file)
    with opened_labels(project) as store:
        if imported is not None or exported is not None:
            _files(store, imported, exported, metric, as_json=as_json)
            return
        found = load_run(project, run)
        _sit(store, found, _metric(found, metric), rater or _user(), count, propose, second, scale, seed)


def agreement(metric: MetricName = "", file: File = None, as_json: AsJson = False) -> None:
    """How far the raters agree: Krippendorff's alpha, over all and for each two of them."""
    from assay.cli.label_tables import agreement_lines
    from assay.evaluation.labelling.agreement import agreement as agreed
    from assay.releases.measuring.labelling import opened_labels
    from assay.releases.project import Project

    with opened_labels(Project.load(file)) as store:
        labels = store.labels(metric or None)
    if not labels:
        raise InputError("there are no labels yet; `assay label` takes them")
    found = [agreed(name, labels) for name in dict.fromkeys(label.metric for label in labels)]
    if as_json:
        emit([_json(each) for each in found])
        return
    for each in found:
        for line in agreement_lines(each):
            out.print(line)


def report(
    run: RunId = "latest",
    metric: MetricName = "",
    judge: Annotated[str, typer.Option(help="Judge the run anew by this one.")] = "",
    repeats: Annotated[int, typer.Option(min=1, help="How often an answer is judged, to see what varies.")] = 3,
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Ask the judge again about so many answers; by default 50 offline, else 0."),
    ] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Hold a judge against people: agreement, errors, biases, and what its rate is worth."""
    import anyio

    from assay.cli.label_tables import report_parts
    from assay.releases.measuring.labelling import Asked, judge_report, load_run
    from assay.releases.project import Project

    project = Project.load(file)
    found = load_run(project, run)
    asked = Asked(_metric(found, metric), judge or None, repeats, sample)
    told = anyio.run(judge_report, project, found, asked)
    if as_json:
        emit(_json(told))
        return
    for part in report_parts(told):
        out.print(part)


def propose(
    run: RunId = "latest",
    metric: MetricName = "",
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="How many.")] = 10,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """List the answers whose labels would narrow the corrected interval most. Keeps nothing."""
    from assay.cli.label_tables import next_lines
    from assay.releases.measuring.labelling import load_run, proposed
    from assay.releases.project import Project

    project = Project.load(file)
    found = load_run(project, run)
    name = _metric(found, metric)
    told = proposed(project, found, name, count)
    if as_json:
        emit({"metric": name} | _json(told))
        return
    for line in next_lines(told, name, most=count):
        out.print(line)


def _sit(
    store: LabelStore,
    run: Run,
    metric: str,
    rater: str,
    count: int,
    propose: bool,
    second: float,
    scale: str,
    seed: int,
) -> None:
    from assay.cli.label_keys import opened_keys
    from assay.cli.label_session import Session
    from assay.evaluation.labelling.book import LabelBook
    from assay.evaluation.labelling.questions import question
    from assay.evaluation.labelling.queue import Plan

    if scale not in ("", "yes-no", "1-5"):
        raise InputError(f"--scale {scale!r}: write yes-no or 1-5")
    book = LabelBook(store, run, metric, rater)
    if not book.size:
        raise InputError(f"{metric} has no score in this run: there is nothing to label")
    plan = Plan(seed, second, book.begin(count or 20) if propose else None)
    asked = question(metric, None if not scale else scale == "1-5")
    if not book.queue(plan):
        out.print(f"nothing is left to label for {rater}", markup=False)
        _told(book, metric)
        return
    with opened_keys() as keys:
        session = Session(book, plan, asked, metric, rater, keys, count or None)
        sat = session.sit()
        if keys.single:
            out.clear()
    out.print(
        f"{metric}: {sat.labelled} labelled, {sat.cannot_tell} cannot tell, {sat.skipped} skipped; "
        f"{len(book.queue(plan))} left for {rater}",
        markup=False,
    )
    _told(book, metric)


def _told(book: LabelBook, metric: str) -> None:
    """What the labels give by now."""
    from assay.evaluation.labelling.correction import correct
    from assay.evaluation.reporting.wording import estimate
    from assay.scores import Estimate

    found = correct(book.joined(), metric)
    if isinstance(found, Estimate):
        out.print(f"{metric} corrected by people: {estimate('share', found)}", markup=False)
    else:
        out.print(f"not corrected yet: {found.reason}", markup=False)


def _files(store: LabelStore, imported: Path | None, exported: Path | None, metric: str, *, as_json: bool) -> None:
    from assay.evaluation.labelling.label_file import read_labels, write_labels

    told: dict[str, Any] = {}
    if imported is not None:
        found = read_labels(imported)
        new = store.merge(found.labels, found.contents, found.draws)
        told |= {"imported": new, "known": len(found.labels) - new}
        if not as_json:
            out.print(f"added {new} of {len(found.labels)} labels; the others were known", markup=False)
    if exported is not None:
        labels = store.labels(metric or None)
        draws = [draw for name in dict.fromkeys(label.metric for label in labels) for draw in store.draws(name)]
        written = write_labels(exported, labels, store.contents(label.item for label in labels), draws)
        told |= {"exported": written, "file": str(exported)}
        if not as_json:
            out.print(f"wrote {written} label{'s' * (written != 1)} to {exported}", markup=False)
    if as_json:
        emit(told)


def _metric(run: Run, name: str) -> str:
    """The metric that was named, or the run's first judged one that has a score."""
    from assay.evaluation.labelling.population import judged_metrics, metric_of, units

    if name:
        return metric_of(run, name).name
    judged = judged_metrics(run)
    if not judged:
        raise InputError("no judge scored this run: there is nothing to label")
    return next((each for each in judged if units(run, each)), judged[0])


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "me"


def _json(value: Any) -> Any:
    """Dataclasses as objects, an Unscored as ``{"unscored": reason}``."""
    from dataclasses import fields, is_dataclass

    from assay.scores import Unscored

    if isinstance(value, Unscored):
        return {"unscored": value.reason}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value
