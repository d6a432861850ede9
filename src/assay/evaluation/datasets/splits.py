"""Splitting a dataset so that nothing is on two sides: the cases of a document stay together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from assay.digest import digest
from assay.errors import InputError
from assay.evaluation.cases import Case, Dataset

By: TypeAlias = Literal["document", "cluster", "case"]
"""What stays together: cases that share any relevant document or a cluster; those of one ``Case.group``;
or nothing but cases that ask the same."""


def split(
    dataset: Dataset,
    into: Mapping[str, float],
    *,
    by: By = "document",
    stratify: str | None = None,
    seed: int = 0,
    previous: Mapping[str, str] | None = None,
) -> dict[str, Dataset]:
    """The dataset in parts, each with its cases in their order; ``into`` has names and their shares, of sum 1.

    Cases that ask the same are never parted. Each group of cases goes where the hash of its name and the
    seed falls, so that new cases move no others; the shares hold on average, for many groups. With
    ``stratify``, a tag, groups are dealt out so that each part has about its share of each of the tag's
    values: closer shares, but cases added later may move others. ``previous`` maps ids of cases to the parts
    they were in: their groups stay there; a group that was in several goes where most of it was.

    Raises InputError for shares that are not positive or do not add up to 1, a tag that no case has, and a
    part that stays empty.
    """
    if not into or any(not share > 0 for share in into.values()) or abs(sum(into.values()) - 1) > 1e-6:
        raise InputError("the shares of a split are above 0 and add up to 1, such as train=0.6,test=0.4")
    groups = components(dataset.cases, by=by)
    order = sorted(groups, key=lambda name: _point(name, seed))
    if stratify is None:
        placed = {name: _side(_point(name, seed), into) for name in order}
    else:
        if not any(stratify in case.tags for case in dataset.cases):
            raise InputError(f"no case has a tag {stratify!r} to stratify by")
        placed = _dealt({name: groups[name] for name in order}, into, lambda case: case.tags.get(stratify, ""))
    for name, cases in groups.items():
        if before := _before(cases, previous or {}, into):
            placed[name] = before
    sides = {case.id: placed[name] for name, cases in groups.items() for case in cases}
    parts = {
        side: Dataset(f"{dataset.name}-{side}", tuple(case for case in dataset.cases if sides[case.id] == side))
        for side in into
    }
    if empty := [side for side, part in parts.items() if not part.cases]:
        raise InputError(
            f"{len(groups)} groups of cases leave {', '.join(empty)} empty; add cases about other documents, "
            "choose another seed, or stratify"
        )
    return parts


def components(cases: Sequence[Case], *, by: By = "document") -> dict[str, tuple[Case, ...]]:
    """The groups of cases that may not be parted, by a name that does not depend on their order.

    A group is named by one of its documents or clusters, chosen by hash, so that a further case about the
    same documents leaves the name as it is.
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    keys = {case.id: tuple(_keys(case, by)) for case in cases}
    for found in keys.values():
        for key in found[1:]:
            parent[root(key)] = root(found[0])
    members: dict[str, list[Case]] = {}
    for case in cases:
        members.setdefault(root(keys[case.id][0]), []).append(case)
    return {_name({key for case in found for key in keys[case.id]}): tuple(found) for found in members.values()}


_ASKS = "asks:"


def _keys(case: Case, by: By) -> Iterator[str]:
    """What the case shares with others; the first says what it asks, and names only a group that has no other."""
    turns = [[turn.role, turn.text] for turn in case.history]
    yield f"{_ASKS}{digest([' '.join(case.question.casefold().split()), turns])}"
    if by == "cluster" and not case.group.startswith("question:"):
        yield case.group
    if by == "document":
        yield from (f"document:{document}" for document in case.relevant or ())
        if case.cluster is not None:
            yield f"cluster:{case.cluster}"


def _name(keys: set[str]) -> str:
    shared = {key for key in keys if not key.startswith(_ASKS)}
    return min(shared or keys, key=digest)


def _point(name: str, seed: int) -> float:
    """A number in [0, 1) that looks random."""
    return int(digest(["split", seed, name])[:13], 16) / 16**13


def _side(point: float, into: Mapping[str, float]) -> str:
    reached = 0.0
    for side, share in into.items():
        reached += share
        if point < reached:
            return side
    return list(into)[-1]


def _dealt(
    groups: Mapping[str, Sequence[Case]], into: Mapping[str, float], value: Callable[[Case], str]
) -> dict[str, str]:
    """Each group, large ones first, where it leaves the counts nearest to the shares, value by value."""
    total: dict[str, int] = {}
    for cases in groups.values():
        for case in cases:
            total[value(case)] = total.get(value(case), 0) + 1
    lacks = {(side, each): share * count for side, share in into.items() for each, count in total.items()}
    placed: dict[str, str] = {}
    for name, cases in sorted(groups.items(), key=lambda item: -len(item[1])):
        counts: dict[str, int] = {}
        for case in cases:
            counts[value(case)] = counts.get(value(case), 0) + 1

        def gain(side: str, counts: Mapping[str, int] = counts) -> float:
            # What the sum of squared distances from the shares falls by, for values of any frequency alike.
            return sum(count * (2 * lacks[side, each] - count) / total[each] for each, count in counts.items())

        placed[name] = max(into, key=gain)
        for each, count in counts.items():
            lacks[placed[name], each] -= count
    return placed


def _before(cases: Sequence[Case], previous: Mapping[str, str], into: Mapping[str, float]) -> str | None:
    sides = [side for case in cases if (side := previous.get(case.id)) in into]
    return max(into, key=sides.count) if sides else None
