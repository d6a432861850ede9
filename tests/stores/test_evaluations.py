from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assay.digest import Digest, digest_text
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore, KeptAnswer, KeptScore


def answer(number: int, payload: str = "{}", subject: str = "s") -> KeptAnswer:
    key = digest_text(f"answer {number}")
    return KeptAnswer(key, Digest(subject), Digest(f"case {number}"), Digest("c"), Digest("w"), 1.5, payload)


def score(number: int, payload: str = "{}", scorer: str = "f") -> KeptScore:
    return KeptScore(digest_text(f"score {number}"), Digest(scorer), 2.5, payload)


@pytest.fixture
def store(tmp_path: Path) -> EvaluationStore:
    return EvaluationStore(Database.at(tmp_path / "state.db"))


def test_what_is_put_comes_back_and_the_unknown_is_left_out(store: EvaluationStore) -> None:
    answers, scores = [answer(i) for i in range(5000)], [score(i) for i in range(4500)]
    store.put(answers, scores)
    assert store.count() == (5000, 4500)
    unknown = digest_text("unknown")
    assert store.answers([unknown, *(a.key for a in answers)]) == {a.key: a for a in answers}
    assert store.scores([unknown, *(s.key for s in scores)]) == {s.key: s for s in scores}
    assert store.known_answers([unknown, answers[3].key]) == {answers[3].key}
    assert store.known_scores([unknown, scores[3].key]) == {scores[3].key}


def test_what_is_known_stays(store: EvaluationStore) -> None:
    store.put([answer(1, "first")], [score(1, "first")])
    store.put([answer(1, "second"), answer(2)], [score(1, "second")])
    assert store.answers([answer(1).key])[answer(1).key].payload == "first"
    assert store.scores([score(1).key])[score(1).key].payload == "first"
    assert store.count() == (2, 1)


def test_a_put_is_all_or_nothing(store: EvaluationStore) -> None:
    with pytest.raises(Exception, match=r"unsupported|not supported|binding"):
        store.put([answer(1)], [score(1, object())])  # type: ignore[arg-type]
    assert store.count() == (0, 0)


def test_samples_and_forgetting(store: EvaluationStore) -> None:
    store.put([answer(i, subject="ab"[i % 2]) for i in range(10)], [score(i, scorer="fg"[i % 2]) for i in range(10)])
    assert len(store.sample_answers(Digest("a"), 100)) == 5
    assert len(store.sample_answers(Digest("a"), 2)) == 2
    assert [a.case for a in store.sample_answers_to([Digest("case 3"), Digest("none")], 9)] == ["case 3"]
    assert len(store.sample_scores(Digest("g"), 3)) == 3
    assert store.forget(Digest("a")) == 5
    assert store.count() == (5, 10)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    workers = [subprocess.Popen([sys.executable, __file__, str(path), str(30 * number)]) for number in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert EvaluationStore(Database.at(path)).count() == (120, 121)


def main(path: Path, start: int) -> None:
    """One of several processes: sixty transactions, half of them of what another writes too."""
    store = EvaluationStore(Database.at(path))
    for at in range(start, start + 60):
        store.put([answer(at)], [score(at), score(at + 1)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
