"""Splits: nothing on two sides, the same for the same cases, and stable when cases come."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import InputError
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.datasets.splits import components, split

HALVES = {"train": 0.6, "test": 0.4}

documents = st.lists(st.sampled_from([f"d{n}" for n in range(200)]), max_size=2, unique=True)
clusters = st.sampled_from([None, None, *(f"c{n}" for n in range(20))])
drawn = st.lists(st.tuples(documents, clusters, st.integers(0, 90)), min_size=30, max_size=60).map(
    lambda rows: Dataset(
        "d",
        tuple(
            Case(f"i{n}", f"question {asks}", relevant=tuple(docs), cluster=cluster)
            for n, (docs, cluster, asks) in enumerate(rows)
        ),
    )
)


def of(count: int, **rest: object) -> Dataset:
    return Dataset("d", tuple(Case(f"i{n}", f"question {n}", relevant=(f"d{n}",), **rest) for n in range(count)))  # type: ignore[arg-type]


def sides(dataset: Dataset, **options: object) -> dict[str, str]:
    parts = split(dataset, HALVES, **options)  # type: ignore[arg-type]
    return {case.id: name for name, part in parts.items() for case in part.cases}


@given(drawn, st.integers(0, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_document_cluster_or_question_is_on_two_sides(dataset: Dataset, seed: int, stratified: bool) -> None:
    if stratified:
        dataset = Dataset("d", tuple(replace(case, tags={"n": case.id[-1]}) for case in dataset.cases))
    try:
        parts = split(dataset, HALVES, seed=seed, stratify="n" if stratified else None)
    except InputError:
        assert len(components(dataset.cases)) < 30  # too few groups: a part stayed empty
        return
    assert sorted(case.id for part in parts.values() for case in part.cases) == sorted(c.id for c in dataset.cases)
    for first, second in itertools.combinations(parts.values(), 2):
        for told in (
            lambda case: case.relevant or (),
            lambda case: (case.cluster,) if case.cluster else (),
            lambda case: (case.question,),
        ):
            one, other = ({key for case in part.cases for key in told(case)} for part in (first, second))
            assert not one & other


@given(drawn, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_groups_do_not_depend_on_the_order(dataset: Dataset, shuffling: random.Random) -> None:
    cases = list(dataset.cases)
    shuffling.shuffle(cases)
    one, other = components(dataset.cases), components(cases)
    assert {name: {c.id for c in found} for name, found in one.items()} == {
        name: {c.id for c in found} for name, found in other.items()
    }


def test_documents_that_a_chain_of_cases_joins_stay_together() -> None:
    chain = [Case(f"i{n}", f"q{n}", relevant=(f"d{n}", f"d{n + 1}")) for n in range(10)]
    linked = Case("l", "q", cluster="c")
    joined = Case("j", "other", relevant=("d3",), cluster="c")
    assert len(components([*chain, linked, joined])) == 1
    assert len(components(chain, by="cluster")) == 10
    assert len(components([Case("a", "The  Same?"), Case("b", "the same?")], by="case")) == 1


def test_new_cases_move_no_others() -> None:
    before = sides(of(200), seed=3)
    more = Dataset("d", (*(Case(f"n{n}", f"new {n}", relevant=(f"d{n}",)) for n in range(50)), *of(300).cases))
    after = sides(more, seed=3)
    assert {id: after[id] for id in before} == before
    assert all(after[f"n{n}"] == before[f"i{n}"] for n in range(50))


def test_shares_hold_about_and_the_seed_matters() -> None:
    found = sides(of(2_000))
    assert sum(side == "train" for side in found.values()) == pytest.approx(1_200, abs=70)
    assert found == sides(of(2_000))
    assert found != sides(of(2_000), seed=1)


def test_stratified_parts_have_their_share_of_every_value() -> None:
    cases = [
        Case(f"i{n}", f"q{n}", relevant=(f"d{n // 2}",), tags={"kind": "rare" if n % 20 < 2 else "common"})
        for n in range(200)
    ]
    parts = split(Dataset("d", tuple(cases)), HALVES, stratify="kind")
    for kind, total in (("rare", 20), ("common", 180)):
        held = sum(case.tags["kind"] == kind for case in parts["train"].cases)
        assert held == pytest.approx(0.6 * total, abs=2)
    with pytest.raises(InputError, match="no case has a tag 'color'"):
        split(Dataset("d", tuple(cases)), HALVES, stratify="color")


def test_cases_stay_where_they_were() -> None:
    old = sides(of(50), seed=1)
    assert sides(of(80), seed=2) != sides(of(80), seed=1)
    kept = sides(of(80), seed=2, previous=old)
    assert {id: kept[id] for id in old} == old


@pytest.mark.parametrize("into", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": float("nan"), "b": 0.5}])
def test_shares_that_are_none_are_refused(into: dict[str, float]) -> None:
    with pytest.raises(InputError, match="add up to 1"):
        split(of(10), into)


def test_a_part_that_stays_empty_is_named() -> None:
    one = Dataset("d", tuple(Case(f"i{n}", f"q{n}", relevant=("d",)) for n in range(10)))
    with pytest.raises(InputError, match=r"1 groups of cases leave (train|test) empty"):
        split(one, HALVES)
