"""What a grading run has found, kept so that a killed run goes on where it was: `ledger.sqlite` and `sheets/`.

One transaction a graded submission, keyed by student and by the digests of submission, exam and environment; the order
of writing never matters. A row of `graded` has a row of `kata` for each kata, so that an instructor can ask with SQL:

    SELECT student, cause FROM graded JOIN kata ON kata.graded = graded.id WHERE kata = 'huber' AND outcome = 'wrong';

A *sheet* (what a submission answered, some 100 KB to 2 MB, packed by whoever answers) is the evidence. It is a file,
not a row: the database stays small, and an appeal can be handed the one file. Its name is the digest of its content,
and it is on the disk before the transaction that names it: a row never lacks its sheet, and a changed sheet is noticed.
It belongs to what was submitted, not to whom: two students who hand in the same share one.

The database has a rollback journal, not a write-ahead log: one file when nobody writes, which can be copied and read
from a read-only folder, and works on a network's file system, where universities keep homes. There is one writer, and
a transaction every few seconds, so a log would win nothing. Every row carries a digest of what it holds: what is read
is what was written, or an error.
"""

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from kata.grade.ledger_lock import Lock
from kata.grade.ledger_trouble import LedgerError, damaged, explained
from kata.grade.results import Graded, KataResult, Katas
from kata.waist.verdict import Message, Outcome

__all__ = ["FILE", "SCHEMA", "SHEETS", "Key", "Ledger", "LedgerError", "Run"]

FILE = "ledger.sqlite"
SHEETS = "sheets"
APPLICATION = 0x6B617461  # "kata"
SCHEMA = 1
"""Goes up whenever the tables change; a ledger of a higher one is refused."""

_TABLES = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE roll (student TEXT PRIMARY KEY, submission TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sheet (
    submission TEXT, exam TEXT, environment TEXT, digest TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (submission, exam, environment)
) STRICT, WITHOUT ROWID;
CREATE TABLE graded (
    id INTEGER PRIMARY KEY, student TEXT NOT NULL,
    submission TEXT NOT NULL, exam TEXT NOT NULL, environment TEXT NOT NULL,
    seconds REAL NOT NULL, notes TEXT NOT NULL, chapters TEXT NOT NULL, digest TEXT NOT NULL,
    UNIQUE (student, submission, exam, environment),
    FOREIGN KEY (submission, exam, environment) REFERENCES sheet
) STRICT;
CREATE TABLE kata (
    graded INTEGER REFERENCES graded ON DELETE CASCADE, number INTEGER, chapter TEXT NOT NULL, kata TEXT NOT NULL,
    outcome TEXT NOT NULL, passed INTEGER NOT NULL, total INTEGER NOT NULL, cause TEXT NOT NULL,
    diagnosis TEXT, law TEXT, input TEXT, hint INTEGER, message TEXT,
    PRIMARY KEY (graded, number)
) STRICT, WITHOUT ROWID;
"""
_COLUMNS = "chapter, kata, outcome, passed, total, cause, diagnosis, law, input, hint, message"
_KEY = "submission = ? AND exam = ? AND environment = ?"


class Key(NamedTuple):
    """What a verdict depends on: the digests of what was submitted, of the exam, and of where it was answered."""

    submission: str
    exam: str
    environment: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdicts of a run depend on, one for all of its submissions."""

    seed: int
    exam: str
    environment: str
    versions: dict[str, str]
    sandbox: str


class Ledger:
    """A folder's ledger, open: to read, or to write, and then nobody else can open it to write."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: Lock) -> None:
        """For `open` alone."""
        self.folder = folder
        self.path = folder / FILE
        self._connection = connection
        self._lock = lock

    # Opening and closing

    @classmethod
    def open(cls, folder: Path, *, write: bool = True) -> Self:
        """The ledger of `folder`, looked through; made when there is none and `write` is given.

        Raises:
            LedgerError: there is none to read; it is damaged, of another tool or of a newer schema; another grader
                writes to it; the disk is full or the folder cannot be written to. The text says what to do.
        """
        path = folder / FILE
        with explained(path), contextlib.ExitStack() as undo:
            if path.is_dir():
                raise LedgerError(f"{path} is a folder: move it away, or give another --out")
            if write:
                (folder / SHEETS).mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise LedgerError(f"{folder} holds no ledger ({FILE}): name the --out folder of an earlier run")
            lock = Lock(folder, exclusive=write)
            undo.callback(lock.release)
            if write:
                _sweep(folder)
                if not os.path.lexists(path):
                    _create(path)
            connection = _connect(path, "rw" if write else "ro")
            undo.callback(connection.close)
            _examine(connection, path)
            undo.pop_all()
        return cls(folder, connection, lock)

    def let_go(self) -> None:
        """For a process that was forked from the one that writes: the lock is not to wait for its end."""
        self._lock.release()

    def close(self) -> None:
        """Give the folder back; nothing is lost by not doing so."""
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The run

    @property
    def run(self) -> Run | None:
        """What `begin` was last called with; None in a new ledger.

        Raises:
            LedgerError: it is not what was written.
        """
        return self._run_and_roll()[0]

    @property
    def roll(self) -> dict[str, str]:
        """Who has handed in what: the digest of the submission, by student, in order of the ids.

        Raises:
            LedgerError: it is not what was written.
        """
        return self._run_and_roll()[1]

    def begin(self, run: Run, roll: Mapping[str, str]) -> None:
        """Note what a run's verdicts depend on, and whose submission is which; earlier verdicts stay.

        Args:
            run: the seed must be the ledger's; another exam or environment is graded anew beside what was there.
            roll: the digest of the submission that counts, by student.

        Raises:
            LedgerError: the folder holds a run of another seed.
        """
        before = self.run
        if before is not None and before.seed != run.seed:
            raise LedgerError(
                f"{self.folder} holds a run with seed {before.seed}, not {run.seed}: the class would not get the "
                f"same questions. Go on with --seed {before.seed}, or give another --out"
            )
        with self._transaction():
            self._note(run, roll)

    def _note(self, run: Run, roll: Mapping[str, str]) -> None:
        rows = {name: msgspec.json.encode(value).decode() for name, value in msgspec.structs.asdict(run).items()}
        students = sorted(roll.items())
        self._connection.execute("DELETE FROM run")
        self._connection.execute("DELETE FROM roll")
        self._connection.executemany("INSERT INTO run VALUES (?, ?)", rows.items())
        self._connection.execute("INSERT INTO run VALUES ('digest', ?)", [_digest_of([sorted(rows.items()), students])])
        self._connection.executemany("INSERT INTO roll VALUES (?, ?)", students)

    def _run_and_roll(self) -> tuple[Run | None, dict[str, str]]:
        with explained(self.path):
            rows = dict(self._connection.execute("SELECT name, value FROM run"))
            students = sorted(self._connection.execute("SELECT student, submission FROM roll"))
        if not rows and not students:
            return None, {}
        digest = rows.pop("digest", None)
        if digest != _digest_of([sorted(rows.items()), students]):
            raise _changed(self.path, "what it says of the run and of who takes part")
        values = {name: msgspec.json.decode(value) for name, value in rows.items()}
        return msgspec.convert(values, Run), dict(students)

    # Verdicts

    def has(self, student: str, submission: str, exam: str, environment: str) -> bool:
        """Whether this submission of the student is graded: `settled` is what a run that goes on asks."""
        return self._identity(student, Key(submission, exam, environment)) is not None

    def settled(self, student: str, submission: str, exam: str, environment: str) -> bool:
        """Whether it is graded and no kata is left `infrastructure`, which would be worth another try."""
        number = self._identity(student, Key(submission, exam, environment))
        if number is None:
            return False
        query = "SELECT count(*) FROM kata WHERE graded = ? AND outcome = ?"
        with explained(self.path):
            (unjudged,) = self._connection.execute(query, (number, Outcome.INFRASTRUCTURE.value)).fetchone()
        return not unjudged

    def _identity(self, student: str, key: Key) -> int | None:
        with explained(self.path):
            found = self._connection.execute(f"SELECT id FROM graded WHERE student = ? AND {_KEY}", (student, *key))
            row = found.fetchone()
        return None if row is None else int(row[0])

    def put(
        self,
        student: str,
        submission: str,
        exam: str,
        environment: str,
        graded: Graded,
        seconds: float,
        sheet: bytes | None = None,
    ) -> None:
        """Keep a verdict and its evidence, both or neither; what was there for the same key is replaced.

        Args:
            student: the id.
            submission: the digest of what was submitted.
            exam: the digest of the exam.
            environment: the digest of where it was answered.
            graded: the verdict.
            seconds: what answering took.
            sheet: the answers; None where the same content was answered before, for another student.

        Raises:
            LedgerError: the disk is full or cannot be written to (then nothing of this was kept), or no sheet is known.
        """
        key = Key(submission, exam, environment)
        before = self._sheet_digest(key)
        with explained(self.path):
            if sheet is not None:
                _write_sheet(self.folder / SHEETS, sheet)
            elif before is None:
                raise LedgerError(f"no answers are kept for the submission of {student}; hand its sheet over as well")
            with self._transaction():
                if sheet is not None:
                    self._note_sheet(key, _name(sheet), len(sheet))
                self._insert(student, key, graded, seconds)
        if sheet is not None and before is not None:
            self._drop_sheets([before])

    def _note_sheet(self, key: Key, digest: str, size: int) -> None:
        self._connection.execute(
            "INSERT INTO sheet VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET digest = excluded.digest, size = excluded.size",
            (*key, digest, size),
        )

    def _insert(self, student: str, key: Key, graded: Graded, seconds: float) -> None:
        katas = [_row(chapter, kata, one) for chapter, named in graded.katas.items() for kata, one in named.items()]
        chapters = msgspec.json.encode(list(graded.katas)).decode()
        head = (student, *key, float(seconds), msgspec.json.encode(graded.notes).decode(), chapters)
        self._connection.execute(f"DELETE FROM graded WHERE student = ? AND {_KEY}", (student, *key))
        number = self._connection.execute(
            "INSERT INTO graded (student, submission, exam, environment, seconds, notes, chapters, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*head, _digest_of([head, katas])),
        ).lastrowid
        places = ", ".join("?" * 13)
        rows = ((number, i, *row) for i, row in enumerate(katas))
        self._connection.executemany(f"INSERT INTO kata (graded, number, {_COLUMNS}) VALUES ({places})", rows)

    def graded(
        self, exam: str, environment: str, submissions: Mapping[str, str] | None = None
    ) -> dict[str, tuple[Graded, float]]:
        """The verdicts and seconds by student, in order of the ids; who is not graded yet is left out.

        Args:
            exam: the digest of the exam.
            environment: the digest of where it was answered.
            submissions: the digest of the submission that counts, by student; the `roll` by default.

        Raises:
            LedgerError: a verdict is not what was written.
        """
        wanted = self.roll if submissions is None else submissions
        found: dict[str, tuple[Graded, float]] = {}
        for student, submission in sorted(wanted.items()):
            one = self._read(student, Key(submission, exam, environment))
            if one is not None:
                found[student] = one
        return found

    def _read(self, student: str, key: Key) -> tuple[Graded, float] | None:
        query = f"SELECT id, seconds, notes, chapters, digest FROM graded WHERE student = ? AND {_KEY}"
        with explained(self.path):
            row = self._connection.execute(query, (student, *key)).fetchone()
            if row is None:
                return None
            number, seconds, notes, chapters, digest = row
            katas = self._connection.execute(f"SELECT {_COLUMNS} FROM kata WHERE graded = ? ORDER BY number", [number])
            rows = katas.fetchall()
        if digest != _digest_of([(student, *key, seconds, notes, chapters), rows]):
            raise _changed(self.path, f"the verdict on {student}")
        found: Katas = {chapter: {} for chapter in msgspec.json.decode(chapters, type=list[str])}
        for chapter, kata, *rest in rows:
            found[chapter][kata] = _result(rest)
        return Graded(katas=found, notes=msgspec.json.decode(notes, type=tuple[str, ...])), seconds

    def submissions(self) -> list[tuple[str, Key]]:
        """Every student and key with a verdict, earlier submissions and exams included, in order."""
        query = "SELECT student, submission, exam, environment FROM graded ORDER BY 1, 2, 3, 4"
        with explained(self.path):
            return [(student, Key(*key)) for student, *key in self._connection.execute(query)]

    def forget(self, exam: str, environment: str, students: Iterable[str]) -> None:
        """Remove the verdicts on these students, of any of their submissions, and the sheets that nobody shares.

        Raises:
            LedgerError: the disk is full or cannot be written to; then nothing was removed.
        """
        with self._transaction():
            self._connection.executemany(
                "DELETE FROM graded WHERE student = ? AND exam = ? AND environment = ?",
                [(student, exam, environment) for student in students],
            )
            unused = self._connection.execute(
                "DELETE FROM sheet WHERE (submission, exam, environment) NOT IN "
                "(SELECT submission, exam, environment FROM graded) RETURNING digest"
            ).fetchall()
        self._drop_sheets(digest for (digest,) in unused)

    # Evidence

    def sheet(self, submission: str, exam: str, environment: str) -> bytes | None:
        """The answers of this submission; None where there are none.

        Raises:
            LedgerError: the file is gone or is not what was written.
        """
        digest = self._sheet_digest(Key(submission, exam, environment))
        return None if digest is None else _read_sheet(self.folder, digest)

    def _sheet_digest(self, key: Key) -> str | None:
        with explained(self.path):
            row = self._connection.execute(f"SELECT digest FROM sheet WHERE {_KEY}", key).fetchone()
        return None if row is None else str(row[0])

    def _drop_sheets(self, digests: Iterable[str]) -> None:
        """Remove the files that no row names any more. One that stays for whatever reason harms nobody."""
        for digest in digests:
            with explained(self.path):
                used = self._connection.execute("SELECT 1 FROM sheet WHERE digest = ?", [digest]).fetchone()
            if used is None:
                with contextlib.suppress(OSError):
                    _sheet_path(self.folder, digest).unlink()

    # Shards

    def merge(self, folders: Iterable[Path]) -> None:
        """Take over the runs of other folders: all of them, or none when anything does not fit.

        Raises:
            LedgerError: seed, exam, environment, versions or sandbox differ (the text names what); a student is in
                two with another submission or verdict; a shard is damaged, holds no run, or is being written to.
        """
        run, roll = self.run, self.roll
        places = dict.fromkeys(roll, self)
        taken: dict[str, Ledger] = {}
        with contextlib.ExitStack() as open_ones:
            for folder in folders:
                other = open_ones.enter_context(Ledger.open(folder, write=False))
                theirs = other.run
                if theirs is None:
                    raise LedgerError(f"{folder} holds no run yet: grade there first, or leave it out")
                run = run or theirs
                _check_same(run, theirs, self.folder, folder)
                for student, submission in other.roll.items():
                    place = places.setdefault(student, other)
                    if roll.setdefault(student, submission) != submission:
                        raise _twice(student, place.folder, folder, "submission")
                    key = Key(submission, run.exam, run.environment)
                    found, known = other._read(student, key), taken.get(student, self)._read(student, key)
                    if found is not None and known is None:
                        taken[student] = places[student] = other
                    elif found is not None and known is not None and found[0] != known[0]:
                        raise _twice(student, place.folder, folder, "verdict")
            if run is not None:
                self._take(run, roll, taken)

    def _take(self, run: Run, roll: Mapping[str, str], taken: Mapping[str, "Ledger"]) -> None:
        with explained(self.path):
            sheets: dict[str, tuple[str, int]] = {}
            for student, other in taken.items():
                sheet = other.sheet(roll[student], run.exam, run.environment) or b""
                _write_sheet(self.folder / SHEETS, sheet)
                sheets[student] = _name(sheet), len(sheet)
            with self._transaction():
                self._note(run, roll)
                for student, other in sorted(taken.items(), key=lambda item: item[0]):
                    key = Key(roll[student], run.exam, run.environment)
                    found = other._read(student, key)
                    assert found is not None
                    self._note_sheet(key, *sheets[student])
                    self._insert(student, key, *found)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


# Rows


def _row(chapter: str, kata: str, one: KataResult) -> tuple[Any, ...]:
    """A kata's values for `_COLUMNS`."""
    message = None if one.message is None else msgspec.json.encode(one.message).decode()
    middle = (one.outcome.value, one.passed, one.total, one.cause, one.diagnosis, one.law, one.input, one.hint)
    return (chapter, kata, *middle, message)


def _result(values: list[Any]) -> KataResult:
    outcome, passed, total, cause, diagnosis, law, shown, hint, message = values
    return KataResult(
        outcome=Outcome(outcome),
        passed=passed,
        total=total,
        cause=cause,
        diagnosis=diagnosis,
        law=law,
        input=shown,
        hint=hint,
        message=None if message is None else msgspec.json.decode(message, type=Message),
    )


def _digest_of(values: Any) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(values)).hexdigest()


def _changed(path: Path, what: str) -> LedgerError:
    return LedgerError(damaged(path, f"{what} is not what was written"))


# Shards


def _check_same(run: Run, theirs: Run, here: Path, there: Path) -> None:
    names = [name for name in Run.__struct_fields__ if getattr(run, name) != getattr(theirs, name)]
    if names:
        shown = "; ".join(f"{name}: {getattr(run, name)} and {getattr(theirs, name)}" for name in names)
        raise LedgerError(
            f"{there} was graded with other {', '.join(names)} than what is merged into {here} ({shown}). "
            "Grade all shards with the same --seed, clone and sandbox"
        )


def _twice(student: str, here: Path, there: Path, what: str) -> LedgerError:
    return LedgerError(
        f"{student} is in {here} and in {there}, with another {what}: keep one of the two, "
        f"or grade {student} alone once more"
    )


# Files


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Without the module's own transactions: here they are begun and ended by name."""
    address = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)
    connection.execute("PRAGMA foreign_keys = ON")
    if mode == "rw":
        connection.execute("PRAGMA synchronous = EXTRA")  # committed is on the disk, the removed journal too
    return connection


def _create(path: Path) -> None:
    """An empty ledger, written beside and renamed: an empty file in its place is damage, not a beginning."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    os.close(number)
    try:
        with contextlib.closing(_connect(Path(name), "rw")) as connection:
            connection.executescript(
                f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; "
                f"PRAGMA journal_mode = DELETE; BEGIN; {_TABLES} COMMIT;"
            )
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no ledger, or one that is damaged or newer than this tool."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise LedgerError(f"{path} is no ledger of this tool: move it away, or give another --out")
    if schema > SCHEMA:
        raise LedgerError(
            f"{path} was written by a newer version of this tool (schema {schema}, this one knows {SCHEMA}): "
            "update the clone, or give another --out"
        )
    # The whole check, not the quick one: it compares the indexes with their tables, and takes a second for 2,000.
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if path.stat().st_size != pages * size:
        raise _changed(path, "its length")  # SQLite reads zeros where its last page was cut
    problems = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
    if schema < 1 or problems != ["ok"] or connection.execute("PRAGMA foreign_key_check").fetchone():
        raise _changed(path, problems[0] if problems != ["ok"] else "its structure")


def _sweep(folder: Path) -> None:
    """Remove what a killed grader left half written; the lock says that nobody is writing it now."""
    for part in (folder, folder / SHEETS):
        for path in part.glob(".*.new*"):
            path.unlink(missing_ok=True)


def _name(sheet: bytes) -> str:
    return hashlib.sha256(sheet).hexdigest()


def _sheet_path(folder: Path, digest: str) -> Path:
    return folder / SHEETS / f"{digest}.sheet"


def _write_sheet(folder: Path, sheet: bytes) -> None:
    """Put a sheet into `folder`, whole and on the disk, before a row may name it."""
    path = folder / f"{_name(sheet)}.sheet"
    if path.exists() and path.read_bytes() == sheet:
        return
    number, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".new")
    try:
        with open(number, "wb") as file:
            file.write(sheet)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)  # the name is on the disk as well
    finally:
        os.close(number)


def _read_sheet(folder: Path, digest: str) -> bytes:
    path = _sheet_path(folder, digest)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror}; take it from a backup, or grade again with --regrade") from None
    if _name(data) != digest:
        raise LedgerError(f"{path} is not what was written there; take it from a backup, or grade again with --regrade")
    return data
