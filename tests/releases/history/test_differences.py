"""What differs between two releases: nothing if and only if the digests are equal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.prompt import DEFAULT, Prompt, load_prompt
from assay.digest import Digest
from assay.releases.code import CodeVersion
from assay.releases.history.differences import GROUPS, Change, Value, differences, silent
from assay.releases.identity import ENTERS, STAYS_OUT
from assay.releases.manifest import Manifest
from assay.releases.release import Release

CODE = CodeVersion("0.1.0", Digest("0" * 64))
PROMPT = load_prompt(DEFAULT, "the built-in prompt")
MODELS: dict[str, Any] = {"main": {"uses": "openai:gpt-5-mini"}, "local": {"uses": "extractive"}}
SOURCES: list[dict[str, Any]] = [
    {"path": "a"},
    {"path": "b", "access": ["staff"]},
    {"path": "c.jsonl", "metadata": {"team": "x"}},
]


def release(data: dict[str, Any], prompt: Prompt = PROMPT, code: CodeVersion = CODE) -> Release:
    return Release.of(Manifest.model_validate({"app": {"name": "x"}, **data}), prompt=prompt, code=code)


def changes(old: Release, new: Release) -> dict[str, Change]:
    found = differences(old.content(), new.content())
    assert len({change.key for change in found}) == len(found)
    return {change.key: change for change in found}


@st.composite
def releases(draw: st.DrawFn) -> Release:
    route = draw(st.sampled_from([["local"], ["main"], ["main", "local"], ["local", "main"]]))
    data: dict[str, Any] = {
        "retrieval": {"keep": draw(st.sampled_from([6, 8])), "rerank": draw(st.sampled_from([True, False, "x"]))},
        "answer": {"route": route, "abstain_below": draw(st.sampled_from([None, 0, 0.5, 1]))},
        "models": {**MODELS, "main": {**MODELS["main"], "temperature": draw(st.sampled_from([None, 0, 1]))}},
        "sources": draw(st.lists(st.sampled_from(SOURCES), unique_by=lambda source: source["path"])),
        "limits": {"data": "any", "cost_per_day": draw(st.sampled_from(["1 USD", "2 USD"]))},
    }
    prompt = draw(st.sampled_from([PROMPT, load_prompt("{{context}} {{question}}", "p")]))
    return release(data, prompt, CodeVersion("0.1.0", Digest(draw(st.sampled_from(["0", "1"])) * 64)))


@given(releases(), releases())
def test_there_is_a_difference_if_and_only_if_the_digests_differ(one: Release, other: Release) -> None:
    found = changes(one, other)
    assert bool(found) is (one.digest != other.digest)
    back = changes(other, one)
    assert found.keys() == back.keys()
    for key, change in found.items():
        assert (back[key].old, back[key].new) == (change.new, change.old)
        assert change.group in GROUPS
        assert change.reason
        assert change.setting in ENTERS or not change.setting.startswith(("retrieval.", "limits.", "index."))


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["models", "sources", "answer", "prompt", "name", "a", "b"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
_CONTENTS = st.dictionaries(st.sampled_from(["models", "sources", "answer", "embedders", "new", "format"]), _JSON)


@given(_CONTENTS, _CONTENTS)
def test_so_it_is_for_the_releases_of_versions_that_nobody_has_seen(old: Any, new: Any) -> None:
    assert bool(differences(old, new)) is (json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert [change.key for change in differences(old, new)] == [change.key for change in differences(new, old)]


def test_each_change_stands_in_its_group_with_what_it_can_alter() -> None:
    old = release({"models": MODELS, "answer": {"route": ["main", "local"]}, "sources": SOURCES[:2]})
    new = release(
        {
            "models": {**MODELS, "main": {"uses": "openai:gpt-5"}},
            "answer": {"route": ["main", "local"], "abstain_below": 0.6},
            "retrieval": {"keep": 6},
            "sources": [{"path": "a", "access": ["staff"]}, SOURCES[2]],
        },
        load_prompt(DEFAULT.replace("Be brief.", "Be terse."), "p"),
        CodeVersion("0.2.0", CODE.source),
    )
    found = changes(old, new)
    assert [(change.group, change.key) for change in found.values()] == [
        ("Prompt", "answer.prompt.system"),
        ("Models", "models.main.uses"),
        ("Retrieval", "retrieval.keep"),
        ("Answer", "answer.abstain_below"),
        ("Sources", "sources.a.access"),
        ("Sources", "sources.b"),
        ("Sources", "sources.c.jsonl"),
        ("Code", "code.version"),
    ]
    assert found["models.main.uses"].old == Value("openai:gpt-5-mini")
    assert found["models.main.uses"].reason == "who answers"
    assert found["sources.b"].new is None
    assert [found[key].name for key in ("sources.a.access", "sources.c.jsonl", "models.main.uses", "code.version")] == [
        "a",
        "c.jsonl",
        "main",
        None,
    ]
    assert found["sources.b"].as_dict().keys() == {"group", "key", "old", "reason"}


def test_the_order_of_sources_is_a_change_of_its_own() -> None:
    (change,) = changes(release({"sources": SOURCES}), release({"sources": SOURCES[::-1]})).values()
    assert (change.key, change.old) == ("sources", Value(["a", "b", "c.jsonl"]))


def test_true_is_not_one() -> None:
    assert differences({"x": True}, {"x": 1})


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("evaluation", "gate", {"cost": {"ratio": 1.2}}, {"cost": {"ratio": 1.2}}),
        ("rollout", "alpha", 0.01, 0.01),
        ("limits", "latency_p95", "4 s", "4 s"),
        ("tracing", "content", False, False),
    ],
)
def test_settings_that_alter_nothing_are_told_apart(section: str, key: str, value: Any, told: Any) -> None:
    old, new = ({"app": {"name": "x"}}, {"app": {"name": "x"}, section: {key: value}})
    (change,) = silent(Manifest.model_validate(old), Manifest.model_validate(new))
    assert (change.key, change.new) == (f"{section}.{key}", Value(told))
    assert change.reason == STAYS_OUT[change.key]
    assert not changes(release(old), release(new))
