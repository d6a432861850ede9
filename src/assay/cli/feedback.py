"""``assay feedback``: what people said of answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, note, out

if TYPE_CHECKING:
    from assay.rollouts.live.feedback import Feedback


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    feedback = typer.Typer(no_args_is_help=True, help="What people said of answers, by POST /v1/feedback.")
    feedback.command("list")(feedback_list)
    cli.add_typer(feedback, name="feedback")


def feedback_list(
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many, newest first.")] = 20,
    release: Annotated[str, typer.Option(help="Only of this release (a digest's beginning).")] = "",
    corrected: Annotated[bool, typer.Option("--corrected", help="Only with a correction.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """List what people said of answers: ratings, corrections, comments."""
    from collections import deque

    from assay.releases.parts import database
    from assay.releases.project import Project
    from assay.rollouts.live.feedback import listed
    from assay.stores.events import EventLog

    def wanted(each: Feedback) -> bool:
        return each.release.startswith(release.lower()) and (each.correction is not None or not corrected)

    state = database(Project.load(file))
    try:
        found = list(deque(listed(EventLog(state), wanted), maxlen=limit))
    finally:
        state.close()
    for each in reversed(found):
        if as_json:
            emit(asdict(each))
        else:
            out.print(_line(each), markup=False)
    if not found and not as_json:
        note("nobody has said anything yet; POST /v1/feedback of `assay serve` takes it")


def _line(each: Feedback) -> str:
    from datetime import datetime

    at = datetime.fromtimestamp(each.at).strftime("%Y-%m-%d %H:%M")
    rating = "  -" if each.score is None else f"{each.score:3.2g}"
    parts = [f"{at}  {each.trace[:12]}  {each.release[:12]}  {rating}"]
    if not each.first:
        parts.append("(not the first of this caller)" if each.score is not None else "")
    if each.correction:
        parts.append(f"should be: {' '.join(each.correction.split())}")
    if each.comment:
        parts.append(f"({' '.join(each.comment.split())})")
    return "  ".join(part for part in parts if part)
