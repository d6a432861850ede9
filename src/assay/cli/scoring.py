"""``assay score``: any scorer on records from anywhere, with or without an application."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, out
from assay.cli.piped import leaving
from assay.errors import AssayError, InputError
from assay.scores import Scored

if TYPE_CHECKING:
    from assay.evaluation.datasets.plain_records import Unread
    from assay.evaluation.samples import Sample
    from assay.evaluation.scoring import Scorer

STDIN = "-"
OFFLINE = "offline"
AT_ONCE = 8
"""Records that are scored at the same time where a model is waited for."""


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(score)


def score(
    scorer: Annotated[str, typer.Argument(help="faithfulness, relevance, correctness, context, … or a plug-in.")],
    batch: Annotated[
        str,
        typer.Option(help='JSONL of {"id", "question"?, "contexts", "answer", "expected"?}; - is standard input.'),
    ],
    judge: Annotated[
        str, typer.Option(help="offline, a model of the application, provider:model, cascade:A,B or panel:A,B.")
    ] = OFFLINE,
    metric: Annotated[str, typer.Option(help="Which of the scorer's metrics. [default: its first]")] = "",
    alias_separator: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What divides an `expected` text into several right answers; '' for nothing. "
            "[default: a slash, but not in dates, rates and long texts]",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Records before a model at the same time.")] = AT_ONCE,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Score plain records, a result a line, in order. Exits 1 when a line could not be read or judged."""
    import anyio

    from assay.evaluation.datasets.plain_records import records
    from assay.evaluation.running.in_order import in_order

    opened = _opened(scorer, judge, file)
    chosen = _metric(opened, metric)
    told = _Told(as_json=as_json)

    async def run() -> None:
        with _lines(batch) as lines:
            found = records(lines, "standard input" if batch == STDIN else batch, separator=alias_separator)
            # Nobody is waited for offline: beginning the next record would only delay this one.
            width = 1 if judge == OFFLINE else at_once
            async with in_order(found, lambda record: _row(opened, chosen, record), at_once=width) as rows:
                async for row in rows:
                    told.tell(row)

    anyio.run(run)
    told.end(chosen)
    if told.errors:
        raise typer.Exit(1)


def _opened(name: str, judge: str, file: Path | None) -> Scorer:
    from assay.evaluation.scorers.opening import asks_judge, open_scorers, scorer_names

    if not asks_judge(name) or name not in scorer_names():
        return open_scorers([name])[0]
    from assay.releases.measuring.bench import bench

    return open_scorers([name], judge=bench(file).open(judge))[0]


def _metric(scorer: Scorer, wanted: str) -> str:
    names = [metric.name for metric in scorer.metrics]
    if wanted and wanted not in names:
        raise InputError(f"--metric {wanted}: {scorer.name} gives {', '.join(names)}")
    return wanted or names[0]


@contextmanager
def _lines(batch: str) -> Iterator[BinaryIO]:
    if batch == STDIN:
        with leaving(sys.stdin.buffer) as piped:
            yield piped
        return
    with Path(batch).open("rb") as opened:
        yield opened


async def _row(scorer: Scorer, metric: str, record: Sample | Unread) -> dict[str, Any]:
    from assay.evaluation.datasets.plain_records import Unread
    from assay.evaluation.scoring import measure

    if isinstance(record, Unread):
        return _failed(record.id, record.error)
    try:
        found = (await measure(scorer, record, through=(AssayError,)))[metric]
    except AssayError as error:
        return _failed(record.case.id, error)
    value = found.score.value if isinstance(found.score, Scored) else None
    reason = None if isinstance(found.score, Scored) else found.score.reason
    return {"id": record.case.id, "score": value, "unscored": reason, "detail": dict(found.detail)}


def _failed(id: str, error: AssayError) -> dict[str, Any]:
    told = {"type": type(error).__name__, "message": str(error)}
    return {"id": id, "score": None, "unscored": str(error), "detail": {}, "error": told}


class _Told:
    """Writes rows as they come, and counts them."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._values: list[float] = []
        self._unscored = 0
        self.errors = 0

    def tell(self, row: dict[str, Any]) -> None:
        """Write a row."""
        value = row["score"]
        self.errors += "error" in row
        self._unscored += value is None
        if value is not None:
            self._values.append(value)
        if self._as_json:
            emit(row)
            return
        said = f"{row['id']}  {'—' if value is None else format(value, '.3f')}  {row['unscored'] or ''}"
        out.print(said.rstrip(), markup=False)

    def end(self, metric: str) -> None:
        """Write the mean of what was scored, for people."""
        if self._as_json:
            return
        n = len(self._values)
        mean = f"mean {sum(self._values) / n:.3f}" if n else "nothing scored"
        out.print(f"{metric}: {mean} of {n}, {self._unscored} unscored", style="bold", markup=False)
