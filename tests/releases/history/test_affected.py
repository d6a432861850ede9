"""What part of past traffic a change can affect, from what was recorded."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from assay import traces
from assay.answering import spans
from assay.answering.prompt import DEFAULT, load_prompt
from assay.digest import Digest
from assay.releases.code import CodeVersion
from assay.releases.history.affected import Affected, affected
from assay.releases.history.differences import differences
from assay.releases.history.past import Past, past
from assay.releases.manifest import Manifest
from assay.releases.release import Release
from assay.traces import Span, Trace

CODE = CodeVersion("0.1.0", Digest("0" * 64))
PROMPT = load_prompt(DEFAULT, "the built-in prompt")
BASE: dict[str, Any] = {
    "app": {"name": "x"},
    "models": {"main": {"uses": "openai:gpt-5-mini"}, "spare": {"uses": "openai:gpt-5-nano"}},
    "answer": {"route": ["main", "local"], "abstain_below": 0.4},
    "sources": [{"path": "open"}, {"path": "closed", "access": ["staff"]}],
}
WHOLE = Past(
    1, groups=frozenset({"public"}), filtered=False, candidates=frozenset({"o1"}), tokens=500, joined=0, over=False,
    confidence=0.9, unsupported=False,
)  # fmt: skip
REFUSED = replace(WHOLE, confidence=0.3, attempts=0)
FALLEN = replace(WHOLE, attempts=2)
EARLY = replace(WHOLE, searched=False, judged=False, confidence=None, attempts=0)


def content(path: str = "", value: Any = None, base: dict[str, Any] = BASE, system: str = PROMPT.system) -> Any:
    data = copy.deepcopy(base)
    *above, last = path.split(".")
    if path:
        table: Any = data
        for key in above:
            table = table[int(key)] if isinstance(table, list) else table.setdefault(key, {})
        table[int(last) if isinstance(table, list) else last] = value
    return Release.of(Manifest.model_validate(data), prompt=replace(PROMPT, system=system), code=CODE).content()


def touched(old: Any, new: Any, *answers: Past, documents: dict[str, frozenset[str]] | None = None) -> list[bool]:
    """For each answer whether the change can affect it."""
    told = differences(old, new)
    assert told
    together = affected(told, old, new, answers, documents=documents)
    alone = [affected(told, old, new, [each], documents=documents).touched == 1 for each in answers]
    assert together.touched == sum(alone)
    return alone


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # of WHOLE (answered by main), REFUSED (by the gate), FALLEN (main failed, local answered), EARLY (no search)
        ("models.main.temperature", 0.5, [True, False, True, False]),
        ("models.local", {"uses": "extractive", "timeout": "5 s"}, [False, False, True, False]),
        ("models.main.price", {"input": 1.0, "output": 1.0}, [False, False, False, False]),
        ("answer.route", ["main"], [False, False, True, False]),
        ("answer.route", ["main", "local", "spare"], [False, False, False, False]),
        ("answer.route", ["main", "spare", "local"], [False, False, True, False]),
        ("answer.route", ["local", "main"], [True, False, True, False]),
        ("answer.abstain_below", 0.2, [False, True, False, False]),
        ("answer.abstain_below", 0.95, [True, False, True, False]),
        ("answer.abstain_below", 0.45, [False, False, False, False]),
        ("answer.context_tokens", 8000, [False, False, False, False]),
        ("answer.context_tokens", 400, [True, True, True, False]),
        ("answer.unsupported", "mark", [False, False, False, False]),
        ("retrieval.keep", 6, [True, True, True, False]),
        ("index.max_tokens", 100, [True, True, True, False]),
        ("limits.data", "any", None),
        ("limits.cost_per_day", "1 USD", [False, False, False, False]),
        ("app.name", "y", [True, False, True, False]),
    ],
)
def test_a_setting_touches_the_answers_that_came_by_it(path: str, value: Any, expected: list[bool] | None) -> None:
    old, new = content(), content(path, value)
    if expected is None:
        assert not differences(old, new)
        return
    assert touched(old, new, WHOLE, REFUSED, FALLEN, EARLY) == expected


def test_a_prompt_touches_only_what_reached_a_language_model() -> None:
    assert touched(content(), content(system="Other."), WHOLE, REFUSED, FALLEN, EARLY) == [True, False, True, False]
    quoting = {**BASE, "answer": {"route": ["local", "main"]}}
    answers = (WHOLE, FALLEN)
    assert touched(content(base=quoting), content(base=quoting, system="Other."), *answers) == [False, True]


def test_a_prompt_that_leaves_less_room_touches_full_contexts_too() -> None:
    tight = {**BASE, "models": {**BASE["models"], "main": {"uses": "openai:gpt-5-mini", "window": 4000}}}
    old, new = content(base=tight), content(base=tight, system="word " * 600)
    told = differences(old, new)
    full = replace(REFUSED, tokens=1400)
    found = affected(told, old, new, [REFUSED, full, replace(REFUSED, over=True)])
    assert [(each.key, each.answers) for each in found.changes] == [
        ("answer.prompt.system", 0),
        ("room for evidence", 2),
    ]
    assert found.touched == 2


def test_all_models_of_a_route_that_failed_would_be_followed_by_a_new_one() -> None:
    lost = replace(FALLEN, failed=True)
    assert touched(content(), content("answer.route", ["main", "local", "spare"]), lost, FALLEN) == [True, False]


def test_the_same_model_under_another_name_touches_nothing() -> None:
    old = content("answer.route", ["main"])
    new = content("answer.route", ["first"], {**BASE, "models": {"first": BASE["models"]["main"]}})
    assert touched(old, new, WHOLE) == [False]


def test_a_confidence_on_the_threshold_is_enough_and_what_was_not_recorded_is_counted() -> None:
    old, new = content("answer.abstain_below", 0.4), content("answer.abstain_below", 0.6)
    on_old, on_new = replace(WHOLE, confidence=0.4), replace(WHOLE, confidence=0.6)
    unknown, settled = replace(WHOLE, confidence=None), replace(REFUSED, confidence=0.5, settled=True)
    assert touched(old, new, on_old, on_new, unknown, settled) == [True, False, True, False]


def test_a_source_touches_those_who_may_read_it() -> None:
    staff = replace(WHOLE, groups=frozenset({"public", "staff"}))
    nobody_knows = replace(WHOLE, groups=None)
    two = content("sources", BASE["sources"][:1])
    assert touched(two, content(), WHOLE, staff, nobody_knows, EARLY) == [False, True, True, False]
    assert touched(content(), content("sources.1.exclude", ["x"]), WHOLE, staff) == [False, True]
    opened = content("sources.1.access", ["public"])
    assert touched(content(), opened, WHOLE, staff) == [True, False]


def test_a_source_that_goes_touches_those_whose_search_had_met_it_where_that_is_known() -> None:
    staff = replace(WHOLE, groups=frozenset({"staff", "public"}))
    met = replace(staff, candidates=frozenset({"o1", "c1"}))
    silent = replace(staff, candidates=None)
    gone = content("sources", BASE["sources"][:1])
    known = {"closed": frozenset({"c1", "c2"})}
    assert touched(content(), gone, staff, met, silent, documents=known) == [False, True, True]
    assert touched(content(), gone, staff, met, silent) == [True, True, True]


def test_metadata_touches_those_who_filter_by_it() -> None:
    filtering = replace(WHOLE, filtered=True)
    assert touched(content(), content("sources.0.metadata", {"team": "x"}), WHOLE, filtering) == [False, True]


def test_the_code_can_alter_every_answer_and_it_is_said_that_nothing_tells_them_apart() -> None:
    old = content()
    new = {**old, "code": {**old["code"], "source": "1" * 64}}
    (change,) = differences(old, new)
    found = affected([change], old, new, [WHOLE, EARLY])
    assert (found.touched, found.changes[0].told) == (2, False)


def test_without_records_nothing_is_counted() -> None:
    old, new = content(), content("retrieval.keep", 6)
    found = affected(differences(old, new), old, new, [])
    assert found == Affected(0, 0, None, found.changes)
    assert json.dumps(found.as_dict())


def span(stage: str, number: int, error: str | None = None, **attributes: Any) -> Span:
    named = {traces.STAGE: stage} | {key.replace("__", "."): value for key, value in attributes.items()}
    return Span(f"{number:016x}", None if number == 0 else f"{0:016x}", stage, number, 99, named, error)


def test_a_trace_tells_how_far_an_answer_came() -> None:
    hits = json.dumps([{"chunk": "c", "document": "d", "score": 1.0, "kept": True, "ranks": {}}])
    shown = json.dumps([{"number": 1, "document": "d", "chunks": ["c", "e"], "start": 0, "end": 9, "text": "x"}])
    dropped = json.dumps([{"chunk": "f", "document": "d", "cause": "budget", "detail": "x"}])
    check = json.dumps(
        [{"text": "s", "outcome": "unsupported", "shown": False, "named": [], "cited": [], "score": None}]
    )
    trace = Trace(
        "t",
        (
            span(spans.ROOT, 0, assay__access__groups=("public", "hr"), assay__search__where='{"team": "x"}'),
            span(spans.RETRIEVE, 1, assay__hits=hits),
            span(spans.ASSEMBLE, 2, assay__context=shown, assay__context__dropped=dropped, assay__context__tokens=77),
            span(spans.GATE, 3, assay__confidence=0.7),
            span(spans.GENERATE, 4, "ModelTimeout: x"),
            span(spans.GENERATE, 5, assay__checks=check),
        ),
    )
    assert past(trace) == Past(
        0, True, frozenset({"public", "hr"}), True, frozenset({"d"}), 77, 1, True, True, 0.7, False, 2, False, True
    )
    bare = past(Trace("t", (span(spans.ROOT, 0, assay__abstained="underspecified"),)))
    assert (bare.searched, bare.judged, bare.settled, bare.attempts, bare.groups, bare.over) == (
        False, False, True, 0, None, None,
    )  # fmt: skip
