"""A line that says how far an ingestion is, how fast, and how long it will still take."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from assay.cli.output import err
from assay.ingestion.ingest import Progress as Step


class IngestProgress:
    """Shows ingestion steps on standard error; silent when that is not a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task("documents", total=None, facts="")

    def __enter__(self) -> IngestProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, step: Step) -> None:
        """Show a step."""
        facts = [
            f"{step.embedded} chunks embedded" if step.embedded else "",
            f"{step.rate:.0f} documents/s" if step.rate >= 1 else "",
            f"{step.failed} failed" if step.failed else "",
        ]
        told = "  ".join(filter(None, facts))
        self._bar.update(self._task, completed=step.done, total=step.total, facts=told)
