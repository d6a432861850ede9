"""The fake model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.messages import User
from assay.models.chat import Finished, Request, TextDelta, Usage
from assay.testing.chat_model import ScriptedModel

pytestmark = pytest.mark.anyio


@given(st.text(max_size=80))
async def test_the_words_make_up_the_text(text: str) -> None:
    events = [event async for event in ScriptedModel([text]).stream(Request((User("Why?"),)))]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert isinstance(events[-1], Finished)
    assert events[-1].text == text


async def test_it_follows_its_script() -> None:
    model = ScriptedModel(["one", "two words"])
    finals = [[event async for event in model.stream(Request((User("Why not?"),)))][-1] for _ in range(3)]
    assert [final.text for final in finals if isinstance(final, Finished)] == ["one", "two words", "two words"]
    assert isinstance(finals[1], Finished)
    assert finals[1].usage == Usage(2, 2)
    assert len(model.requests) == 3


async def test_a_function_answers_what_is_asked() -> None:
    model = ScriptedModel(lambda request: request.messages[-1].text.upper())
    final = [event async for event in model.stream(Request((User("why?"),)))][-1]
    assert isinstance(final, Finished)
    assert final.text == "WHY?"
