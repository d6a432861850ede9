"""A database for state: SQLite in write-ahead mode by default, PostgreSQL by URL.

Writers on SQLite begin with ``BEGIN IMMEDIATE``: a transaction that starts as a reader and
turns writer later fails at once when another has written in between, whatever the time-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    exc,
    insert,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from assay.errors import StoreError
from assay.stores.failures import explained

BUSY_SECONDS = 30


def schema(room: str, version: int) -> MetaData:
    """The MetaData on which a room declares its tables; ``version`` grows when they change."""
    return MetaData(info={"room": room, "version": version})


class Database:
    """Connections to one database. Safe for use from several threads; methods block."""

    def __init__(self, url: str) -> None:
        """Takes a URL of SQLAlchemy: ``sqlite:////path/to/file`` or ``postgresql+psycopg://...``.

        Opens nothing yet. Raises StoreError for a URL that cannot be understood or whose driver
        is not installed.
        """
        try:
            self._url = make_url(url)
            self._sqlite = self._url.get_backend_name() == "sqlite"
            self._engine = self._create()
        except (exc.ArgumentError, ImportError) as error:
            raise StoreError(f"{url.split('://', 1)[0]}: not a database that can be used here: {error}") from error

    @classmethod
    def at(cls, path: Path) -> Database:
        """The SQLite database in this file; the file and its folder are made when they are first needed."""
        return cls(URL.create("sqlite", database=str(path)).render_as_string(hide_password=False))

    @property
    def place(self) -> str:
        """The file, or the URL without its password: for messages."""
        if self._sqlite and self._url.database:
            return self._url.database
        return self._url.render_as_string(hide_password=True)

    @property
    def near(self) -> bool:
        """Whether it is a file here, read in a fraction of a millisecond and, in write-ahead mode, without waiting
        for a writer; else there is a network between."""
        return self._sqlite

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one snapshot from its first query on. Raises StoreError."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in one transaction: committed at the end, rolled back on any exception.

        Raises StoreError when the database cannot be written. A violated constraint is an
        ``IntegrityError`` inside the block, for the caller to judge.
        """
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(assay_write=True)
            with connection.begin():
                yield connection

    def ensure(self, metadata: MetaData) -> None:
        """Create the tables of a room (see ``schema``) where they are missing; may be called each time.

        Raises StoreError when the database was written by a newer version of the code.
        """
        room, version = str(metadata.info["room"]), int(metadata.info["version"])
        if self._version(room) == version:
            return
        with self.write() as connection:
            _SCHEMAS.metadata.create_all(connection)
            metadata.create_all(connection)
            insert_missing(connection, _SCHEMAS, [{"room": room, "version": version}])
        found = self._version(room)
        if found != version:
            raise StoreError(
                f"{self.place}: its {room} tables have version {found}, this version of Assay knows {version}; "
                + ("upgrade Assay" if found and found > version else "migrate them, or delete the file")
            )

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def _version(self, room: str) -> int | None:
        with self.read() as connection:
            if not connection.dialect.has_table(connection, _SCHEMAS.name):
                return None
            found = connection.execute(select(_SCHEMAS.c.version).where(_SCHEMAS.c.room == room)).scalar()
            return None if found is None else int(found)

    def _create(self) -> Engine:
        if not self._sqlite:
            return create_engine(self._url, pool_pre_ping=True)
        engine = create_engine(self._url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._sqlite and self._url.database and self._url.database != ":memory:":
            _make_folder(Path(self._url.database).parent)
        try:
            yield
        except exc.DBAPIError as error:
            raise explained(error.orig or error, self.place) from error
        except exc.SQLAlchemyError as error:
            raise StoreError(f"{self.place}: {error}") from error


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not yet there; leave the others as they are."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])
    elif connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])
    else:
        connection.execute(insert(table), [dict(row) for row in rows])


def by_prefix(column: Column[str], prefix: str) -> Any:
    """Condition: ``column`` holds lower-case hexadecimal that begins with ``prefix``; can use an index."""
    return (column >= prefix) & (column < prefix + "g")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise StoreError(f"{error.filename}: permission denied; grant write permission on it") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{error.filename}: a file stands where a folder is needed; move it away") from error
    except OSError as error:  # a full disk, a read-only file system, a name that is too long
        raise StoreError(f"{error.filename or folder}: cannot be made: {error.strerror or error}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # None: the driver must not begin transactions by itself, ours are begun by _begin_sqlite.
    connection.isolation_level = None
    try:
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
    except Exception as error:
        connection.close()
        raise exc.OperationalError("PRAGMA", None, error) from error


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("assay_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


_SCHEMAS = Table(
    "assay_schemas",
    MetaData(),
    Column("room", String, primary_key=True),
    Column("version", Integer, nullable=False),
)
