"""How a sample's parts are written into the fields of an item to judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.evaluation.samples import Passage


def passage_text(passage: Passage) -> str:
    """A passage as the writer saw it: its title, if it has one, on a line before its text."""
    return f"{passage.title}\n{passage.text}" if passage.title.strip() else passage.text


def joined(passages: Iterable[Passage]) -> str:
    """The field ``contexts``: passages joined by blank lines."""
    return "\n\n".join(passage_text(passage).strip() for passage in passages)


def alternatives(expected: Sequence[str]) -> str:
    """The field ``expected``: the right answers, each on a line of its own."""
    return "\n".join(" ".join(answer.split()) for answer in expected if answer.strip())


def asked(question: str) -> dict[str, str]:
    """The field ``question`` where rubrics can do without it: left out where it is not known."""
    return {"question": question} if question.strip() else {}
