"""Answers and scores of evaluations by what they depend on, so that none is paid for twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Double, Index, String, Table, Text, delete, func, select

from assay.digest import Digest
from assay.stores.claims import Claims
from assay.stores.database import Database, insert_missing, schema

_BATCH = 2_000  # keys in one statement; SQLite takes 32,766 parameters, PostgreSQL 65,535

_T = TypeVar("_T")

_SCHEMA = schema("evaluations", 1)
_ANSWERS = Table(
    "answers",
    _SCHEMA,
    Column("key", String, primary_key=True),
    Column("subject", String, nullable=False),
    Column("case", String, nullable=False),
    Column("content", String, nullable=False),
    Column("whole", String, nullable=False),
    Column("milliseconds", Double, nullable=False),
    Column("payload", Text, nullable=False),
    Index("answers_subject", "subject"),
    Index("answers_case", "case"),
)
_SCORES = Table(
    "scores",
    _SCHEMA,
    Column("key", String, primary_key=True),
    Column("scorer", String, nullable=False),
    Column("milliseconds", Double, nullable=False),
    Column("payload", Text, nullable=False),
    Index("scores_scorer", "scorer"),
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """``payload`` is JSON text. ``subject`` is the digest of the subject's identity, ``case`` the case's;
    ``content`` and ``whole`` are digests of what was said and of all that is known of the answer.
    ``milliseconds`` is how long asking took."""

    key: Digest
    subject: Digest
    case: Digest
    content: Digest
    whole: Digest
    milliseconds: float
    payload: str


@dataclass(frozen=True, slots=True)
class KeptScore:
    """``payload`` is JSON text; ``scorer`` the digest of the scorer's identity; ``milliseconds`` how long it took."""

    key: Digest
    scorer: Digest
    milliseconds: float
    payload: str


class EvaluationStore:
    """Answers and scores under their keys. Safe for several threads and processes: what is known stays as it
    is, whoever else computes it. ``claims`` say who is at which. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)
        self.claims = Claims(database)

    def answers(self, keys: Iterable[Digest]) -> dict[Digest, KeptAnswer]:
        """The answers that are known; unknown keys are left out."""
        return {key: KeptAnswer(*row) for key, row in self._get(_ANSWERS, keys)}

    def scores(self, keys: Iterable[Digest]) -> dict[Digest, KeptScore]:
        """The scores that are known; unknown keys are left out."""
        return {key: KeptScore(*row) for key, row in self._get(_SCORES, keys)}

    def put(
        self,
        answers: Sequence[KeptAnswer] = (),
        scores: Sequence[KeptScore] = (),
        *,
        anew: AbstractSet[Digest] = frozenset(),
    ) -> None:
        """Keep these, all or none. Answers under the keys ``anew`` take the place of those that are known."""
        if not answers and not scores:
            return
        with self._database.write() as connection:
            for keys in _batches(answer.key for answer in answers if answer.key in anew):
                connection.execute(delete(_ANSWERS).where(_ANSWERS.c.key.in_(keys)))
            for some_answers in _batches(answers):
                insert_missing(connection, _ANSWERS, [asdict(answer) for answer in some_answers])
            for some_scores in _batches(scores):
                insert_missing(connection, _SCORES, [asdict(score) for score in some_scores])

    def known_answers(self, keys: Iterable[Digest]) -> frozenset[Digest]:
        """Which of these keys have an answer."""
        return frozenset(self._known(_ANSWERS, keys))

    def known_scores(self, keys: Iterable[Digest]) -> frozenset[Digest]:
        """Which of these keys have a score."""
        return frozenset(self._known(_SCORES, keys))

    def sample_answers(self, subject: Digest, limit: int) -> list[KeptAnswer]:
        """At most ``limit`` answers of a subject, as a drawing by key: which is as good as by lot."""
        query = select(_ANSWERS).where(_ANSWERS.c.subject == subject).order_by(_ANSWERS.c.key).limit(limit)
        with self._database.read() as connection:
            return [KeptAnswer(*row) for row in connection.execute(query)]

    def sample_answers_to(self, cases: Iterable[Digest], limit: int) -> list[KeptAnswer]:
        """At most ``limit`` answers of any subject to these cases."""
        found: list[KeptAnswer] = []
        with self._database.read() as connection:
            for batch in _batches(dict.fromkeys(cases)):
                query = select(_ANSWERS).where(_ANSWERS.c.case.in_(batch)).order_by(_ANSWERS.c.key)
                found += [KeptAnswer(*row) for row in connection.execute(query.limit(limit - len(found)))]
                if len(found) >= limit:
                    break
        return found

    def sample_scores(self, scorer: Digest, limit: int) -> list[KeptScore]:
        """At most ``limit`` scores of a scorer, as a drawing by key."""
        query = select(_SCORES).where(_SCORES.c.scorer == scorer).order_by(_SCORES.c.key).limit(limit)
        with self._database.read() as connection:
            return [KeptScore(*row) for row in connection.execute(query)]

    def count(self) -> tuple[int, int]:
        """How many answers and scores are kept."""
        with self._database.read() as connection:
            answers, scores = (
                int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for table in (_ANSWERS, _SCORES)
            )
        return answers, scores

    def forget(self, subject: Digest) -> int:
        """Delete a subject's answers; returns how many. Scores stay: others may have said the same."""
        with self._database.write() as connection:
            return int(connection.execute(delete(_ANSWERS).where(_ANSWERS.c.subject == subject)).rowcount)

    def _get(self, table: Table, keys: Iterable[Digest]) -> Iterator[tuple[Digest, Any]]:
        with self._database.read() as connection:
            for batch in _batches(dict.fromkeys(keys)):
                for row in connection.execute(select(table).where(table.c.key.in_(batch))):
                    yield Digest(row[0]), row

    def _known(self, table: Table, keys: Iterable[Digest]) -> Iterator[Digest]:
        with self._database.read() as connection:
            for batch in _batches(dict.fromkeys(keys)):
                for (key,) in connection.execute(select(table.c.key).where(table.c.key.in_(batch))):
                    yield Digest(key)


def _batches(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
