"""A line that says how far an ingestion or an evaluation is, how fast, and how long it will still take."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from assay.cli.output import err
from assay.evaluation.running.progress import Progress as EvaluationStep
from assay.ingestion.ingest import Progress as Step


class _Bar:
    """A line on standard error while something goes on; silent when that is not a terminal."""

    def __init__(self, what: str, *more: ProgressColumn, quiet: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            *more,
            console=err,
            transient=True,
            disable=quiet or not err.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None, facts="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _show(self, done: int, total: int | None, facts: list[str]) -> None:
        self._bar.update(self._task, completed=done, total=total, facts="  ".join(filter(None, facts)))


class IngestProgress(_Bar):
    """Shows ingestion steps."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__("documents", TimeRemainingColumn(), quiet=quiet)

    def __call__(self, step: Step) -> None:
        """Show a step."""
        facts = [
            f"{step.embedded} chunks embedded" if step.embedded else "",
            f"{step.rate:.0f} documents/s" if step.rate >= 1 else "",
            f"{step.failed} failed" if step.failed else "",
        ]
        self._show(step.done, step.total, facts)


class EvaluationProgress(_Bar):
    """Shows an evaluation."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__("cases", quiet=quiet)

    def show(self, progress: EvaluationStep) -> None:
        """Show a moment of a run."""
        self._show(progress.done, progress.total, _facts(progress))


class QuestionProgress(_Bar):
    """Shows how many questions were asked."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        super().__init__("questions", quiet=quiet)
        self._total = total

    def show(self, done: int, facts: str = "") -> None:
        """Show a moment."""
        self._show(done, self._total, [facts])


def _facts(step: EvaluationStep) -> list[str]:
    cost, made = step.cost, step.answers_made + step.scores_made
    return [
        f"{step.rate:.1f}/s" if step.rate else "",
        _remaining(step.remaining) if step.remaining is not None and step.done < step.total else "",
        "cost unknown" if cost is None else f"${cost:.4f}" if made and cost else "",
        f"{step.known} known" if step.known else "",
        f"{step.failed} failed" if step.failed else "",
        f"{step.unscored} unscored" if step.unscored else "",
        f"another process is at the last {step.elsewhere}" if step.elsewhere else "",
        f"rate limit: waiting {step.paused:.0f} s" if step.paused >= 1 else "",
    ]


def _remaining(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
