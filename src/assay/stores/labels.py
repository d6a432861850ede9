"""People's labels, kept as they are given: rows are added, never changed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Double, Index, Integer, String, Table, Text, insert, select

from assay.digest import Digest
from assay.errors import StoreError
from assay.stores.database import Database, insert_missing, schema
from assay.stores.labelled import Content, Draw, Label

_BATCH = 2_000  # keys in one statement

_T = TypeVar("_T")

_SCHEMA = schema("labels", 1)
_LABELS = Table(
    "labels",
    _SCHEMA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("metric", String, nullable=False),
    Column("item", String, nullable=False),
    Column("case", String, nullable=False),
    Column("rater", String, nullable=False),
    Column("value", Double),
    Column("at", Double, nullable=False),
    Column("draw", String),
    Column("probability", Double),
    Column("judged", Double),
    Column("scorer", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("withdraws", String),
    Index("labels_metric", "metric"),
)
_CONTENTS = Table(
    "labelled_items",
    _SCHEMA,
    Column("item", String, primary_key=True),
    Column("payload", Text, nullable=False),
)
_DRAWS = Table(
    "label_draws",
    _SCHEMA,
    Column("id", String, primary_key=True),
    Column("metric", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
)
_FIELDS = [_LABELS.c[name] for name in Label.__dataclass_fields__]


class LabelStore:
    """Labels, the answers they are about, and draws. Safe for several threads and processes at once.

    Every method may raise StoreError. What was added survives the death of the process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def add(self, label: Label, content: Content | None = None) -> None:
        """Keep a label; a later one of the same rater for the same item counts in its place."""
        with self._database.write() as connection:
            if content is not None:
                insert_missing(connection, _CONTENTS, [asdict(content)])
            connection.execute(insert(_LABELS), [asdict(label) | {"withdraws": None}])

    def withdraw(self, label: Label, at: float) -> None:
        """Have a label count no longer; the same rater's earlier one for the item counts again."""
        row = asdict(label) | {"id": secrets.token_hex(8), "at": at, "value": None, "withdraws": label.id}
        with self._database.write() as connection:
            connection.execute(insert(_LABELS), [row])

    def labels(self, metric: str | None = None) -> list[Label]:
        """The labels that count, oldest first: of each rater the latest for an item that was not withdrawn."""
        query = select(_LABELS.c.withdraws, *_FIELDS).order_by(_LABELS.c.at, _LABELS.c.number)
        if metric is not None:
            query = query.where(_LABELS.c.metric == metric)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        gone = {row[0] for row in rows if row[0] is not None}
        counting: dict[tuple[str, str], Label] = {}
        for withdraws, *values in rows:
            label = Label(*values)
            if withdraws is None and label.id not in gone:
                counting.pop((label.item, label.rater), None)  # so that the latest stands last
                counting[label.item, label.rater] = label
        return list(counting.values())

    def contents(self, items: Iterable[Digest]) -> dict[Digest, Content]:
        """The answers that are known of these items."""
        found: dict[Digest, Content] = {}
        with self._database.read() as connection:
            for batch in _batches(dict.fromkeys(items)):
                for row in connection.execute(select(_CONTENTS).where(_CONTENTS.c.item.in_(batch))):
                    found[Digest(row[0])] = Content(*row)
        return found

    def draw(self, draw: Draw) -> None:
        """Keep a draw; one that is known already stays as it is."""
        with self._database.write() as connection:
            insert_missing(connection, _DRAWS, [_draw_row(draw)])

    def draws(self, metric: str) -> list[Draw]:
        """The draws of a metric, oldest first."""
        query = select(_DRAWS).where(_DRAWS.c.metric == metric).order_by(_DRAWS.c.at, _DRAWS.c.id)
        with self._database.read() as connection:
            return [_drawn(row, self._database.place) for row in connection.execute(query)]

    def merge(self, labels: Sequence[Label], contents: Sequence[Content], draws: Sequence[Draw]) -> int:
        """Keep what is not known yet, all or nothing; returns how many labels were new."""
        with self._database.write() as connection:
            known = set(_known(connection, [label.id for label in labels]))
            new = [asdict(label) | {"withdraws": None} for label in labels if label.id not in known]
            for batch in _batches(contents):
                insert_missing(connection, _CONTENTS, [asdict(content) for content in batch])
            insert_missing(connection, _DRAWS, [_draw_row(draw) for draw in draws])
            for rows in _batches(new):
                connection.execute(insert(_LABELS), list(rows))
        return len(new)


def _known(connection: Connection, ids: Sequence[str]) -> Iterator[str]:
    for batch in _batches(ids):
        yield from connection.execute(select(_LABELS.c.id).where(_LABELS.c.id.in_(batch))).scalars()


def _draw_row(draw: Draw) -> dict[str, Any]:
    payload = json.dumps({"order": draw.order, "chances": dict(draw.chances)})
    return {"id": draw.id, "metric": draw.metric, "at": draw.at, "payload": payload}


def _drawn(row: Any, place: str) -> Draw:
    try:
        value = json.loads(row.payload)
        return Draw(row.id, row.metric, row.at, tuple(value["order"]), value["chances"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{place}: the draw {row.id} is damaged; restore the file from a backup") from error


def _batches(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
