"""What people said of answers, as rows: labels, the answers they were given to, and how these were drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.digest import Digest


@dataclass(frozen=True, slots=True)
class Label:
    """What one rater said of one answer.

    ``item`` is the digest of metric, case and answer: the label holds wherever that answer is given to that case.
    ``value`` lies in [0, 1]; None is "cannot tell". ``draw`` names how the case came to be shown, None for a
    label from elsewhere; ``probability`` is the case's chance in that draw, None where all had the same one.
    ``judged`` is what the scorer with the identity ``scorer`` gave at the time. ``at`` is seconds since the epoch.
    """

    id: str
    metric: str
    item: Digest
    case: Digest
    rater: str
    value: float | None
    at: float
    draw: str | None = None
    probability: float | None = None
    judged: float | None = None
    scorer: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The case and the answer that an item is, as JSON text: so that a label can be understood without its run."""

    item: Digest
    payload: str


@dataclass(frozen=True, slots=True)
class Draw:
    """Cases to label, in the order in which they are shown, and every case's chance to be among them."""

    id: str
    metric: str
    at: float
    order: tuple[Digest, ...]
    chances: Mapping[Digest, float]
