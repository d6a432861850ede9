"""An answer on the terminal: sentences as they are checked, then what they rest on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from assay.answering.events import Answer, AnswerEvent, Failed, Sentence
from assay.answering.numbering import Numbering
from assay.cli.output import note, out

if TYPE_CHECKING:
    from assay.documents import Citation

QUOTED = 160
TELLING = 500
"""Milliseconds between first sentence and end from which both are told."""


async def whole_answer(events: AsyncGenerator[AnswerEvent, None]) -> Answer:
    """The answer at the end of a stream. Raises the error that ended it."""
    async with aclosing(events) as stream:
        # Read to the end: the stream's own end is what closes the trace.
        last = [event async for event in stream][-1]
    return _result(last)


async def show_answer(events: AsyncGenerator[AnswerEvent, None]) -> Answer:
    """Print an answer while it is made. Raises the error that ended it."""
    numbering = Numbering()
    last: AnswerEvent | None = None
    async with aclosing(events) as stream:
        async for last in stream:
            match last:
                case Sentence() as event:
                    shown = numbering.show(event)
                    out.print(shown.before, end="", markup=False, emoji=False)
                    colour = "cyan" if event.supported else "yellow"
                    out.print(shown.marks, end="", markup=False, emoji=False, style=colour)
                    out.print(shown.after, end="", markup=False, emoji=False)
                case Answer() as event:
                    _finish(event)
                case Failed():
                    out.print()
    return _result(last)


def _result(last: AnswerEvent | None) -> Answer:
    match last:
        case Answer():
            return last
        case Failed(error=error):
            raise error
    raise RuntimeError("a stream ended without an Answer or a Failed")


def _finish(answer: Answer) -> None:
    if answer.abstained:
        out.print(f"[yellow]No answer[/] ({answer.abstained.reason}): {escape(answer.abstained.detail)}")
    else:
        out.print("\n")
    for number, citation in enumerate(answer.citations, 1):
        out.print(_cited(number, citation))
    for failure in answer.failures:
        note(f"{answer.model} answered, because {failure}")
    first = answer.first_token_milliseconds
    streamed = not answer.abstained and answer.milliseconds - first >= TELLING
    facts = [
        f"confidence {answer.confidence:.2f}",
        f"{answer.milliseconds:,.0f} ms",
        f"first sentence after {first:,.0f} ms" if streamed else "",
        f"{answer.cost:.5f} USD" if answer.cost else "",
        answer.model,
        f"trace {answer.trace[:12]}",
    ]
    out.print(", ".join(filter(None, facts)), style="dim", markup=False)


def _cited(number: int, citation: Citation) -> str:
    quote = " ".join(citation.quote.split())
    quote = quote if len(quote) <= QUOTED else f"{quote[:QUOTED]}…"
    place = f"{citation.document}:{citation.start}-{citation.end}"
    return f"[cyan]\\[{number}][/] {escape(place)}  [dim]“{escape(quote)}”[/]"


def answer_as_dict(answer: Answer) -> dict[str, Any]:
    """An answer as the machine-readable output promises it."""
    return {
        "answer": answer.text,
        "citations": [asdict(citation) for citation in answer.citations],
        "abstained": asdict(answer.abstained) if answer.abstained else None,
        "confidence": round(answer.confidence, 4),
        "model": answer.model,
        "failures": [str(failure) for failure in answer.failures],
        "release": answer.release,
        "trace": answer.trace,
        "usage": asdict(answer.usage),
        "cost": answer.cost,
        "milliseconds": round(answer.milliseconds, 1),
        "first_token_milliseconds": round(answer.first_token_milliseconds, 1),
    }
