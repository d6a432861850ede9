"""What a judge's verdicts are kept under, as far as its model's settings go."""

from __future__ import annotations

from typing import Any

import pytest

from assay.digest import digest
from assay.releases.file.quantities import Duration
from assay.releases.file.sections import ModelChoice, Price
from assay.releases.measuring.model_revision import DECIDES, STAYS_OUT, revision

BASE: dict[str, Any] = {"uses": "openai-compatible", "base_url": "http://127.0.0.1:9/v1", "model": "small"}


def of(**settings: Any) -> str:
    return revision(ModelChoice(**{**BASE, **settings}))


def test_every_key_of_a_model_stands_in_one_table() -> None:
    assert {*DECIDES, *STAYS_OUT} == set(ModelChoice.model_fields)
    assert not set(DECIDES) & set(STAYS_OUT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_url", "http://127.0.0.1:9/v2"),
        ("model", "large"),
        ("api_key_env", "OTHER"),
        ("temperature", 0.3),
        ("max_tokens", 9),
        ("options", {"top_p": 0.5}),
        ("options", {"extra_body": {"eos_token": "</s>"}}),
    ],
)
def test_what_can_alter_a_verdict_changes_it(key: str, value: Any) -> None:
    assert of(**{key: value}) != of()


def test_another_name_is_another_judge() -> None:
    assert revision(ModelChoice(uses="openai:gpt-5")) != revision(ModelChoice(uses="openai:gpt-5-mini"))


@pytest.mark.parametrize(
    ("key", "value"),
    [("timeout", Duration(5)), ("window", 4096), ("tokenizer", "tokenizer.json"), ("price", Price(input=1, output=2))],
)
def test_what_cannot_does_not(key: str, value: Any) -> None:
    assert of(**{key: value}) == of()


def test_no_secret_enters() -> None:
    assert of(base_url="http://me:hunter2@127.0.0.1:9/v1") == of()
    headers = [{"extra_headers": {"Authorization": f"Bearer {word}", "X-Route": "a"}} for word in ("one", "two")]
    assert of(options=headers[0]) == of(options=headers[1]) != of()
    bodies = [{"extra_body": {"servers": [{"api_key": word, "n": 1}]}} for word in ("one", "two")]
    assert of(options=bodies[0]) == of(options=bodies[1])
    assert of(options=bodies[0]) != of(options={"extra_body": {"servers": [{"api_key": "one", "n": 2}]}})


def test_it_is_a_digest() -> None:
    assert len(of()) == len(digest(""))
