"""A dataset at a glance: how many cases can be scored by what, and how independent they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.evaluation.cases import Case, Dataset
from assay.evaluation.datasets.splits import components

_CHANGED = 0.2
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of cases. ``clusters`` are groups that statistics take as independent, ``components`` those that
    a split by document keeps together; ``documents`` are named as relevant.

    ``tags`` counts each tag's values, ``sources`` the provenance. ``detectable`` is the smallest difference
    of a yes-or-no score that two releases would show on as many cases as there are clusters, with a
    probability of 80 % at 5 %, if one case in five came out otherwise; None for fewer than two.
    """

    name: str
    digest: str
    cases: int
    expected: int
    relevant: int
    answerable: int
    unanswerable: int
    history: int
    access: int
    calls: int
    documents: int
    clusters: int
    components: int
    tags: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, int]
    detectable: float | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def summarise(dataset: Dataset) -> Summary:
    """The summary of a dataset."""
    cases = dataset.cases
    clusters = len({case.group for case in cases})
    tags: dict[str, Counter[str]] = {}
    for case in cases:
        for name, value in case.tags.items():
            tags.setdefault(name, Counter())[value] += 1

    def count(holds: Callable[[Case], bool]) -> int:
        return sum(map(holds, cases))

    return Summary(
        name=dataset.name,
        digest=dataset.digest,
        cases=len(cases),
        expected=count(lambda case: case.expected is not None),
        relevant=count(lambda case: bool(case.relevant)),
        answerable=count(lambda case: case.answerable is True),
        unanswerable=count(lambda case: case.answerable is False),
        history=count(lambda case: bool(case.history)),
        access=count(lambda case: case.access is not None),
        calls=count(lambda case: case.calls is not None),
        documents=len({document for case in cases for document in case.relevant or ()}),
        clusters=clusters,
        components=len(components(cases)),
        tags={name: dict(sorted(values.items())) for name, values in sorted(tags.items())},
        sources=dict(sorted(Counter(str(case.provenance.get("source", UNKNOWN)) for case in cases).items())),
        detectable=_detectable(clusters),
    )


def shared(datasets: Sequence[Dataset]) -> int:
    """How many groups of cases that belong together are in more than one of the datasets."""
    homes = {case.id: at for at, dataset in enumerate(datasets) for case in dataset.cases}
    groups = components([case for dataset in datasets for case in dataset.cases])
    return sum(len({homes[case.id] for case in cases}) > 1 for cases in groups.values())


def _detectable(n: int) -> float | None:
    if n < 2:
        return None
    from assay.statistics.contrast import contrast
    from assay.statistics.paired import detectable

    flipped = max(1, round(_CHANGED * n / 2))
    differences = [1.0] * flipped + [-1.0] * flipped + [0.0] * (n - 2 * flipped)
    return min(1.0, detectable(contrast(differences[:n])))
