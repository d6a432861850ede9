"""``assay ask``, ``assay chat``, ``assay why`` and ``assay calibrate``: answers, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.opening import chosen
from assay.cli.options import AsJson, File, Groups, OfRelease, Where, groups_of, where_of
from assay.cli.output import emit, note, out
from assay.errors import InputError


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(ask)
    cli.command()(chat)
    cli.command()(why)
    calibrate = typer.Typer(no_args_is_help=True, help="Fit thresholds on your own cases.")
    calibrate.command("abstention")(abstention)
    cli.add_typer(calibrate, name="calibrate")


def ask(
    question: Annotated[str, typer.Argument(help="The question.", show_default=False)] = "",
    batch: Annotated[Path | None, typer.Option(help='JSONL of {"id", "question", "history"?}.')] = None,
    timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
    release: OfRelease = "",
    groups: Groups = "",
    where: Where = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the documents, with citations. Exits 1 when it abstains."""
    import anyio

    from assay.answering.events import Answer
    from assay.cli.batch import Line, each, read_batch
    from assay.cli.conversation import answer_as_dict, show_answer, whole_answer
    from assay.releases.build import open_application

    if bool(question.strip()) == (batch is not None):
        raise InputError("ask: give a QUESTION or --batch FILE")
    readers, filters = groups_of(groups), where_of(where)
    lines = read_batch(batch) if batch else iter([Line("", question)])
    project = chosen(file, release)
    application = open_application(project)
    if application.notice:
        note(application.notice)

    async def one(line: Line) -> Answer:
        events = application.answer(line.question(readers, filters))
        if not as_json:
            return await show_answer(events)
        answer = await whole_answer(events)
        emit(answer_as_dict(answer))
        return answer

    async def told(line: Line) -> dict[str, Any]:
        return answer_as_dict(await whole_answer(application.answer(line.question(readers, filters))))

    async def run() -> bool:
        try:
            if batch:
                return await each(lines, told)
            answer = await one(next(lines))
        finally:
            await application.close()
        if timings and not as_json:
            from assay.releases.inspection import opened_traces
            from assay.tracing.tree import timings as spent

            with opened_traces(project) as traces:
                out.print(spent(traces.get(answer.trace)), markup=False, style="dim")
        return answer.abstained is None

    if not anyio.run(run):
        raise typer.Exit(1)


def chat(release: OfRelease = "", groups: Groups = "", where: Where = None, file: File = None) -> None:
    """Ask one question after another; earlier turns are understood. Ctrl-D ends."""
    import anyio
    from anyio.from_thread import start_blocking_portal

    from assay.answering.events import Question
    from assay.cli.conversation import show_answer
    from assay.errors import AssayError
    from assay.messages import Turn
    from assay.releases.build import open_application

    readers, filters = groups_of(groups), where_of(where)
    application = open_application(chosen(file, release))
    if application.notice:
        note(application.notice)
    history: tuple[Turn, ...] = ()
    try:
        # The event loop has a thread of its own: a line is read in the main one, since Ctrl-C cannot
        # end the wait for it in any other.
        with start_blocking_portal() as portal:
            while True:
                try:
                    text = out.input("[bold cyan]›[/] ")
                except EOFError:
                    return
                if not text.strip():
                    continue
                question = Question(text, history, readers, filters)
                try:
                    answer = portal.call(show_answer, application.answer(question))
                except AssayError as error:
                    note(str(error))
                    continue
                history = (*history, Turn("user", text), Turn("assistant", answer.text))
    finally:
        anyio.run(application.close)


def why(
    trace: Annotated[str, typer.Argument(help="A trace's id, or enough of its beginning.")],
    relevant: Annotated[list[str], typer.Option("--relevant", metavar="DOCUMENT", help="Should have been used.")],
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Name the stage that lost the relevant documents: parse, chunk, access, recall, … or citation check."""
    from assay.releases.inspection import why as attributed
    from assay.releases.project import Project

    found = attributed(Project.load(file), trace, relevant)
    if as_json:
        emit(found.as_dict())
        return
    out.print(f"{found.stage}", style="bold", end="  ")
    out.print(found.sentence, markup=False)


def abstention(
    dataset: Annotated[Path, typer.Option("--dataset", help="Cases as JSONL, with `answerable` and `relevant`.")],
    max_error: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of wrong answers among those given.")
    ] = 0.1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report the curve, keep the present threshold.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Fit the threshold below which nothing is answered, on your own cases."""
    import anyio

    from assay.cli.tables import calibration_lines
    from assay.releases.measuring.calibrating import as_dict, calibrate_abstention, keep
    from assay.releases.project import Project

    project = Project.load(file)
    fitted = anyio.run(calibrate_abstention, project, dataset, max_error)
    if not as_json:
        for line in calibration_lines(fitted):
            out.print(line, markup=False)
    written = None if dry_run else keep(project, fitted)
    if as_json:
        emit(as_dict(fitted) | {"written": str(written) if written else None})
        return
    if written:
        out.print(f"wrote {written}", markup=False)
