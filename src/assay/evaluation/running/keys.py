"""What an answer and a score are kept under: the digest of everything that they depend on."""

from __future__ import annotations

from assay.digest import Digest, digest
from assay.evaluation.artifacts.codec import FORMAT
from assay.evaluation.scoring import Scorer


def answer_key(identity: str, state: str, asked: Digest, repeat: int) -> Digest:
    """Changes with the subject, what it answers from, what is asked (``Case.asked``), and which time it is."""
    return digest(["answer", FORMAT, identity, state, asked, repeat])


def score_key(scorer: str, case: Digest, answer: Digest) -> Digest:
    """Changes with the scorer's identity, the case, and the answer: its content, or all of it."""
    return digest(["score", FORMAT, scorer, case, answer])


def content_only(scorer: Scorer) -> bool:
    """Whether the scorer looks at what was said and on what evidence, and at nothing else.

    Then two answers with the same content have one score. It is what an attribute ``content_only`` says;
    without one, scorers of shares do so, and those of times, money and counts look at all of the answer.
    """
    said = getattr(scorer, "content_only", None)
    return all(metric.kind == "share" for metric in scorer.metrics) if said is None else bool(said)
