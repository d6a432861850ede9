"""``assay search``: what retrieval finds for a question, without an answer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import chosen
from assay.cli.options import AsJson, File, Groups, OfRelease, Where, groups_of, where_of
from assay.cli.output import emit, note, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.retrieval.found import Found, Mode


class ModeOption(StrEnum):
    """How to search."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(search)


def search(
    question: Annotated[str, typer.Argument(help="What to look for.", show_default=False)] = "",
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many hits.")] = 10,
    mode: Annotated[ModeOption | None, typer.Option(help="[default: the application's]", show_default=False)] = None,
    batch: Annotated[Path | None, typer.Option(help='JSONL of {"id", "question"}: one line of hits for each.')] = None,
    release: OfRelease = "",
    groups: Groups = "",
    where: Where = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Search the documents."""
    import anyio

    from assay.cli.batch import Line, each, read_batch
    from assay.releases.build import open_application

    if bool(question.strip()) == (batch is not None):
        raise InputError("search: give a QUESTION or --batch FILE")
    lines = read_batch(batch) if batch else iter([Line("", question)])
    readers, filters = groups_of(groups), where_of(where)
    application = open_application(chosen(file, release))
    if application.notice:
        note(application.notice)

    async def one(line: Line) -> Found:
        chosen: Mode | None = mode.value if mode else None
        return await application.search(line.text, k=k, mode=chosen, groups=readers, where=filters)

    async def told(line: Line) -> dict[str, Any]:
        return as_dict(await one(line))

    async def run() -> bool:
        try:
            if batch:
                return await each(lines, told)
            found = await one(next(lines))
        finally:
            await application.close()
        if as_json:
            emit(as_dict(found))
        else:
            show(found)
        return True

    if not anyio.run(run):
        raise typer.Exit(1)


def as_dict(found: Found) -> dict[str, Any]:
    """Hits as the machine-readable output promises them."""
    hits = [
        {
            "document": hit.chunk.document,
            "chunk": hit.chunk.id,
            "score": round(hit.score, 6),
            "start": hit.chunk.start,
            "end": hit.chunk.end,
            "title": hit.chunk.title,
            "headings": list(hit.chunk.headings),
            "page": hit.chunk.page,
            "ranks": dict(hit.ranks),
            "text": hit.chunk.text,
        }
        for hit in found.hits
    ]
    return {"hits": hits, "mode": found.mode, "milliseconds": round(found.milliseconds, 2)}


def show(found: Found) -> None:
    """Hits as people read them."""
    from rich.markup import escape

    for number, hit in enumerate(found.hits, 1):
        page = f"  p. {hit.chunk.page}" if hit.chunk.page else ""
        ranks = "  ".join(f"{stage} {rank}" for stage, rank in hit.ranks.items())
        out.print(
            f"[bold]{number:>2}[/]  {hit.score:.3f}  [cyan]{escape(hit.chunk.document)}[/]"
            f"[dim]:{hit.chunk.start}-{hit.chunk.end}{page}  {escape(hit.chunk.context)}  ({ranks})[/]"
        )
        text = " ".join(hit.chunk.text.split())
        out.print(f"    {text[:240]}{'…' if len(text) > 240 else ''}", markup=False)
    if not found.hits:
        out.print("nothing found")
    out.print(f"{found.mode}, {found.milliseconds:.1f} ms", style="dim")
