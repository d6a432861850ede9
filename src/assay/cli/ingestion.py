"""``assay ingest``, ``assay status`` and ``assay index``: documents in, and proof that they are."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import duration, emit, err, note, out


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(ingest)
    cli.command()(status)
    index = typer.Typer(no_args_is_help=True, help="The search index, held against its sources.")
    index.command("verify")(index_verify)
    index.command("list")(index_list)
    index.command("drop")(index_drop)
    cli.add_typer(index, name="index")


def ingest(
    file: File = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read what changed in the sources, remove what disappeared. Exits 1 when documents failed."""
    import anyio

    from assay.cli.progress import IngestProgress
    from assay.releases.ingesting import open_ingestion
    from assay.releases.project import Project

    try:
        with (
            open_ingestion(Project.load(file)) as ingestion,
            IngestProgress(quiet=quiet or as_json) as progress,
        ):
            report = anyio.run(ingestion.run, progress)
    except KeyboardInterrupt:
        note("interrupted; what was done is kept, `assay ingest` goes on from there")
        raise
    if as_json:
        emit(report.as_dict())
    else:
        for failure in report.failed:
            err.print(f"failed  {failure.uri}: {failure.error}", style="red", markup=False, soft_wrap=True)
        out.print(
            f"{report.documents} documents, {report.chunks} chunks: {report.embedded} embedded, "
            f"{report.unchanged} documents unchanged, {report.deleted} deleted, {len(report.failed)} failed "
            f"in {duration(report.seconds)}"
        )
    sys.exit(1 if report.failed else 0)


def status(file: File = None, as_json: AsJson = False) -> None:
    """Say what is indexed, and what failed and why."""
    from assay.cli.tables import status_lines
    from assay.releases.inspection import status as state_of
    from assay.releases.project import Project

    state = state_of(Project.load(file))
    if as_json:
        emit(state.as_dict())
        return
    for line in status_lines(state):
        out.print(line)


def index_verify(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Prove that sources = ledger = vectors = lexical entries. Exits 1 and names each difference if not."""
    import anyio

    from assay.cli.tables import verification_lines
    from assay.releases.ingesting import open_ingestion
    from assay.releases.project import Project

    with open_ingestion(Project.load(file)) as ingestion:
        found = anyio.run(ingestion.verify)
        if repair and not found.ok:
            if not as_json:
                for line in verification_lines(found):
                    err.print(line)
                note("repairing")
            found = anyio.run(ingestion.repair, found)
    if as_json:
        emit(found.as_dict())
    else:
        for line in verification_lines(found):
            out.print(line)
    sys.exit(0 if found.ok else 1)


def index_list(file: File = None, as_json: AsJson = False) -> None:
    """List the indexes that exist: one for each chunker and embedder that was used."""
    from assay.cli.tables import index_table
    from assay.releases.inspection import indexes
    from assay.releases.project import Project

    found = indexes(Project.load(file))
    if as_json:
        emit([index.as_dict() for index in found])
        return
    out.print(index_table(found))


def index_drop(
    index: Annotated[str, typer.Argument(help="An index's id, as `assay index list` shows it.")],
    file: File = None,
) -> None:
    """Delete an index that is no longer in use."""
    from assay.releases.inspection import drop_index
    from assay.releases.project import Project

    drop_index(Project.load(file), index)
    out.print(f"dropped {index}", markup=False)
