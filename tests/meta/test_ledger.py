"""The ledger: what is read is what was written, or an error with a remedy, whatever happens to process or disk."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kata.grade.ledger import FILE, SHEETS, Key, Ledger, LedgerError, Run
from kata.grade.results import Graded, KataResult
from kata.waist.verdict import Message, Outcome, Row

RUN = Run(seed=7, exam="exam", environment="here", versions={"python": "3.11.7"}, sandbox="bwrap")
KEY = Key("digest", "exam", "here")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where waiting for the disk costs nothing, if there is such a place."""
text = st.text(st.characters(codec="utf-8"), max_size=8)
messages = st.builds(Message, text, st.lists(st.builds(Row, text, text, st.booleans()), max_size=2).map(tuple))
kata_results = st.builds(
    KataResult,
    outcome=st.sampled_from(Outcome),
    passed=st.integers(0, 9),
    total=st.integers(0, 9),
    cause=text,
    diagnosis=st.none() | text,
    law=st.none() | text,
    input=st.none() | text,
    message=st.none() | messages,
    hint=st.none() | st.integers(1, 3),
)
gradeds = st.builds(
    Graded,
    katas=st.dictionaries(text, st.dictionaries(text, kata_results, max_size=3), max_size=2),
    notes=st.lists(text, max_size=2).map(tuple),
)
names = st.sampled_from(["ada", "bob", "Ça"])
digests = st.sampled_from(["d1", "d2"])


def one(outcome: Outcome = Outcome.SOLVED, cause: str = "") -> Graded:
    return Graded(katas={"ch02_losses": {"huber": KataResult(outcome=outcome, passed=3, total=9, cause=cause)}})


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A folder that another user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-", dir=MEMORY))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with temporary() as folder:
        yield folder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "out") as opened:
        yield opened


def in_a_child(act: Callable[[], object]) -> str:
    """What `act` raised, as text, in a process of its own: what it does to its limits and rights ends with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            said = "nothing raised"
        except LedgerError as error:
            said = str(error)
        except BaseException as error:
            said = f"not a LedgerError: {error!r}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


# What it holds


class LikeADict(RuleBasedStateMachine):
    """Whatever is done in whatever order, the ledger holds what a dict would; closed and opened again, too."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-", dir=MEMORY))
        self.ledger = Ledger.open(self.folder)
        self.verdicts: dict[tuple[str, Key], tuple[Graded, float]] = {}
        self.sheets: dict[Key, bytes] = {}

    @rule(student=names, submission=digests, exam=digests, graded=gradeds, seconds=st.floats(0, 9), sheet=st.binary())
    def put(self, student: str, submission: str, exam: str, graded: Graded, seconds: float, sheet: bytes) -> None:
        key = Key(submission, exam, "here")
        self.ledger.put(student, *key, graded, seconds, sheet)
        self.verdicts[student, key], self.sheets[key] = (graded, seconds), sheet

    @rule(student=names, submission=digests, graded=gradeds)
    def put_what_was_answered_before(self, student: str, submission: str, graded: Graded) -> None:
        key = Key(submission, "d1", "here")
        if key in self.sheets:
            self.ledger.put(student, *key, graded, 1.0)
            self.verdicts[student, key] = graded, 1.0
        else:
            with pytest.raises(LedgerError, match="hand its sheet over"):
                self.ledger.put(student, *key, graded, 1.0)

    @rule(students=st.sets(names), exam=digests)
    def forget(self, students: set[str], exam: str) -> None:
        self.ledger.forget(exam, "here", students)
        self.verdicts = {
            (who, key): found
            for (who, key), found in self.verdicts.items()
            if not (who in students and key.exam == exam)
        }
        used = {key for _, key in self.verdicts}
        self.sheets = {key: sheet for key, sheet in self.sheets.items() if key in used}

    @rule(seed=st.sampled_from([7, 8]), roll=st.dictionaries(names, digests))
    def begin(self, seed: int, roll: dict[str, str]) -> None:
        run = Run(seed=seed, exam="d1", environment="here", versions={}, sandbox="none")
        if self.ledger.run is None or self.ledger.run.seed == seed:
            self.ledger.begin(run, roll)
            assert (self.ledger.run, list(self.ledger.roll.items())) == (run, sorted(roll.items()))
        else:
            with pytest.raises(LedgerError, match=f"not {seed}"):
                self.ledger.begin(run, roll)

    @rule()
    def close_and_open(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.folder)

    @invariant()
    def holds_what_the_dict_holds(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.submissions() == sorted(self.verdicts)
        for (student, key), found in self.verdicts.items():
            read = self.ledger.graded(key.exam, key.environment, {student: key.submission})
            assert read == {student: found}
            # As text: equal dicts may be in another order, which a report would show.
            assert repr(read[student]) == repr(found)
            outcomes = {one.outcome for katas in found[0].katas.values() for one in katas.values()}
            assert self.ledger.has(student, *key)
            assert self.ledger.settled(student, *key) == (Outcome.INFRASTRUCTURE not in outcomes)
        for submission in ("d1", "d2"):
            for exam in ("d1", "d2"):
                assert self.ledger.sheet(submission, exam, "here") == self.sheets.get(Key(submission, exam, "here"))
        kept = {path.read_bytes() for path in (self.folder / SHEETS).iterdir()}
        assert kept == set(self.sheets.values())

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)


LikeADict.TestCase.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
TestLikeADict = LikeADict.TestCase


def test_the_order_of_writing_does_not_matter(tmp_path: Path) -> None:
    def written(name: str, students: list[str]) -> str:
        with Ledger.open(tmp_path / name) as ledger:
            ledger.begin(RUN, {"ada": "d1", "bob": "d2", "eve": "d1"})
            for student in students:
                ledger.put(student, ledger.roll[student], "exam", "here", one(cause=student), 1.0, b"sheet")
            return repr(ledger.graded("exam", "here"))

    assert written("one", ["eve", "ada", "bob"]) == written("other", ["bob", "eve", "ada"])


def test_two_students_with_the_same_content_share_its_sheet(ledger: Ledger) -> None:
    ledger.put("ada", *KEY, one(cause="the same"), 2.5, b"answers")
    assert not ledger.has("bob", *KEY)
    ledger.put("bob", *KEY, one(cause="the same"), 2.5)
    ledger.forget("exam", "here", ["ada"])
    assert ledger.has("bob", *KEY)
    assert ledger.sheet(*KEY) == b"answers"


def test_an_instructor_can_ask_with_sql(ledger: Ledger) -> None:
    ledger.put("ada", *KEY, one(Outcome.WRONG, "The value is wrong."), 2.5, b"answers")
    with contextlib.closing(sqlite3.connect(ledger.path)) as connection:
        query = (
            "SELECT student, cause FROM graded JOIN kata ON kata.graded = graded.id "
            "WHERE kata = 'huber' AND outcome = 'wrong'"
        )
        assert connection.execute(query).fetchall() == [("ada", "The value is wrong.")]


def test_what_is_no_text_is_said(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="is no text"):
        ledger.put("\udcff", *KEY, one(), 1.0, b"answers")
    assert ledger.submissions() == []


# What is damaged or foreign


def filled(folder: Path) -> dict[str, tuple[Graded, float]]:
    with Ledger.open(folder) as ledger:
        ledger.begin(RUN, {f"student {i}": f"d{i}" for i in range(12)})
        for i in range(12):
            graded = one(Outcome.WRONG, f"The value of {i} is wrong. " * 9)
            ledger.put(f"student {i}", f"d{i}", "exam", "here", graded, 1.0, b"sheet %d" % i)
        return ledger.graded("exam", "here")


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Path, dict[str, tuple[Graded, float]]]]:
    with temporary() as folder:
        yield folder, filled(folder)


def read_all(folder: Path) -> tuple[Run | None, dict[str, tuple[Graded, float]], list[bytes | None]]:
    with Ledger.open(folder) as ledger:
        sheets = [ledger.sheet(f"d{i}", "exam", "here") for i in range(12)]
        return ledger.run, ledger.graded("exam", "here"), sheets


SHEETS_WRITTEN = [b"sheet %d" % i for i in range(12)]


@settings(max_examples=60, deadline=None, database=None)
@given(data=st.data())
def test_flipped_bytes_are_noticed_or_harmless(
    whole: tuple[Path, dict[str, tuple[Graded, float]]], data: st.DataObject
) -> None:
    content = bytearray((whole[0] / FILE).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with temporary() as folder:
        shutil.copytree(whole[0] / SHEETS, folder / SHEETS)
        (folder / FILE).write_bytes(content)
        read = None
        with contextlib.suppress(LedgerError):
            read = read_all(folder)
        assert read in (None, (RUN, whole[1], SHEETS_WRITTEN))


@settings(max_examples=40, deadline=None, database=None)
@given(data=st.data())
def test_a_ledger_that_was_cut_is_refused(
    whole: tuple[Path, dict[str, tuple[Graded, float]]], data: st.DataObject
) -> None:
    content = (whole[0] / FILE).read_bytes()
    cut = content[: data.draw(st.integers(0, len(content) - 1) | st.sampled_from([0, 1, 100, 4096]))]
    with temporary() as folder:
        (folder / FILE).write_bytes(cut)
        with pytest.raises(LedgerError, match="move"):
            Ledger.open(folder)
        assert (folder / FILE).read_bytes() == cut  # it is still there to be looked at


def test_a_text_changed_by_hand_is_noticed(ledger: Ledger) -> None:
    ledger.put("ada", *KEY, one(Outcome.WRONG), 1.0, b"answers")
    with contextlib.closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.execute("UPDATE kata SET outcome = 'solved'")
    with pytest.raises(LedgerError, match="the verdict on ada is not what was written"):
        ledger.graded("exam", "here", {"ada": "digest"})


def test_a_sheet_that_was_changed_or_is_gone_is_noticed(ledger: Ledger) -> None:
    ledger.put("ada", *KEY, one(), 1.0, b"answers")
    (path,) = (ledger.folder / SHEETS).iterdir()
    path.write_bytes(b"others")
    with pytest.raises(LedgerError, match="is not what was written there"):
        ledger.sheet(*KEY)
    path.unlink()
    with pytest.raises(LedgerError, match="--regrade"):
        ledger.sheet(*KEY)
    ledger.put("ada", *KEY, one(), 1.0, b"answers")
    assert ledger.sheet(*KEY) == b"answers"


def foreign_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE graded (student)")


def newer_schema(path: Path) -> None:
    filled(path.parent)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (foreign_database, "is no ledger of this tool: move it away"),
        (lambda path: path.write_text("student,points\n" * 99), "is no ledger of this tool"),
        (lambda path: path.write_text("short"), "is no ledger of this tool"),
        (lambda path: path.mkdir(), "is a folder: move it away"),
        (lambda path: path.symlink_to(path.parent / "nowhere"), "cannot be opened"),
        (newer_schema, r"newer version of this tool \(schema 99, this one knows 1\): update"),
    ],
    ids=["another database", "a text", "a short text", "a folder", "a broken link", "a newer one"],
)
def test_what_stands_in_its_place_is_refused(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    make(tmp_path / FILE)
    for write in (True, False):
        if write or (tmp_path / FILE).exists():
            with pytest.raises(LedgerError, match=says):
                Ledger.open(tmp_path, write=write)


def test_reading_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="holds no ledger"):
        Ledger.open(tmp_path, write=False)
    assert list(tmp_path.iterdir()) == []


# What happens to the process, the disk, the folder


def test_one_grader_at_a_time(tmp_path: Path) -> None:
    with Ledger.open(tmp_path):
        said = in_a_child(lambda: Ledger.open(tmp_path))
        assert f"another grader (process {os.getpid()}) is at work in {tmp_path}: wait" in said
        assert "is at work" in in_a_child(lambda: Ledger.open(tmp_path, write=False))
    assert in_a_child(lambda: Ledger.open(tmp_path)) == "nothing raised"
    # That child never gave it back; the lock went with it.
    with Ledger.open(tmp_path, write=False), Ledger.open(tmp_path, write=False):
        assert "is at work" in in_a_child(lambda: Ledger.open(tmp_path))


def write_until_killed(folder: Path, start: int, said: int) -> None:
    """Grade submission after submission, and say each number once it is kept."""
    ledger = Ledger.open(folder)
    for i in range(start, 10_000):
        ledger.put(f"s{i}", f"d{i}", "exam", "here", one(cause=f"{i}" * 500), 1.0, b"%d" % i * 5000)
        os.write(said, b"%d\n" % i)


def test_killed_anywhere_it_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    kept = 0
    for turn in range(8):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                write_until_killed(tmp_path, kept, writing)
            os._exit(1)
        os.close(writing)
        time.sleep(0.02 + 0.021 * turn)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        with open(reading) as pipe:
            numbers = [int(line) for line in pipe]
        with Ledger.open(tmp_path) as ledger:
            known = len(ledger.submissions())
            assert known - (numbers[-1] + 1 if numbers else kept) in (0, 1)  # one may be kept and not said
            wanted = {f"s{i}": f"d{i}" for i in range(known)}
            found = ledger.graded("exam", "here", wanted)
            assert found == {f"s{i}": (one(cause=f"{i}" * 500), 1.0) for i in range(known)}
            assert all(ledger.sheet(f"d{i}", "exam", "here") == b"%d" % i * 5000 for i in range(known))
        assert not list(tmp_path.glob("**/.*.new*"))
        kept = known
    assert kept > 12


@pytest.mark.parametrize("sheet", [b"small", b"large" * 20_000], ids=["the row", "the sheet"])
def test_a_full_disk_is_said_and_keeps_what_was_there(tmp_path: Path, sheet: bytes) -> None:
    before = filled(tmp_path)
    limit = (tmp_path / FILE).stat().st_size + 1000

    def write_into_the_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with Ledger.open(tmp_path) as ledger:
            ledger.put("eve", *KEY, one(cause="x" * (50_000 if sheet == b"small" else 9)), 1.0, sheet)

    said = in_a_child(write_into_the_limit)
    assert "the same command goes on" in said
    assert "make room" in said.lower()
    assert read_all(tmp_path) == (RUN, before, SHEETS_WRITTEN)


FILL = """
import sys
from pathlib import Path
from kata.grade.ledger import Ledger, LedgerError
from tests.meta.test_ledger import filled, one
filled(Path(sys.argv[1]))
with Ledger.open(Path(sys.argv[1])) as ledger:
    try:
        for i in range(999):
            ledger.put(f"s{i}", "d", "exam", "here", one(cause="x" * 9000), 1.0, b"y")
    except LedgerError as error:
        print(error)
    assert len(ledger.submissions()) == 12 + i, "what was kept is there"
with Ledger.open(Path(sys.argv[1]), write=False) as ledger:
    assert len(ledger.graded("exam", "here", {f"s{j}": "d" for j in range(i)})) == i > 0
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=400k none {tmp_path} && exec "$@"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    done = subprocess.run([*command, sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "make room" in done.stdout.lower()


def test_a_folder_that_cannot_be_written_to() -> None:
    with temporary() as folder:
        before = filled(folder)
        for path in folder.iterdir():
            if path.is_file():
                path.chmod(0o444)
        folder.chmod(0o555)

        def as_somebody(act: Callable[[], object]) -> Callable[[], object]:
            def drop_and_act() -> None:
                if os.getuid() == 0:
                    os.setuid(65534)  # for whom rights count
                act()

            return drop_and_act

        def read() -> None:
            with Ledger.open(folder, write=False) as ledger:
                assert ledger.graded("exam", "here") == before

        assert in_a_child(as_somebody(read)) == "nothing raised"
        said = in_a_child(as_somebody(lambda: Ledger.open(folder)))
        assert "Permission denied" in said
        assert "give another --out" in said
        assert "Permission denied" in in_a_child(as_somebody(lambda: Ledger.open(folder / "new")))
        folder.chmod(0o755)


def test_an_out_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(LedgerError, match="give another --out"):
        Ledger.open(tmp_path / "out")


# The run, and shards of one


def test_another_seed_is_refused_with_the_remedy(ledger: Ledger) -> None:
    ledger.begin(RUN, {"ada": "d1"})
    with pytest.raises(LedgerError, match=r"seed 7, not 8.* --seed 7"):
        ledger.begin(Run(**{**vars_of(RUN), "seed": 8}), {})
    ledger.begin(Run(**{**vars_of(RUN), "exam": "a mended law"}), {"ada": "d2"})
    assert ledger.roll == {"ada": "d2"}


def vars_of(run: Run) -> dict[str, object]:
    return {name: getattr(run, name) for name in Run.__struct_fields__}


def shard(folder: Path, *students: str, run: Run = RUN, cause: str = "", submission: str = "d") -> Path:
    with Ledger.open(folder) as ledger:
        ledger.begin(run, dict.fromkeys(students, submission))
        for student in students:
            ledger.put(
                student, submission, run.exam, run.environment, one(cause=cause), 1.0, b"of " + folder.name.encode()
            )
    return folder


def test_shards_are_merged(tmp_path: Path, ledger: Ledger) -> None:
    first, second = shard(tmp_path / "1", "ada", "bob"), shard(tmp_path / "2", "bob", "eve")
    shutil.rmtree(second / SHEETS)
    with pytest.raises(LedgerError, match=str(second)):
        ledger.merge([first, second])
    assert (ledger.run, ledger.submissions()) == (None, [])  # all or nothing
    shard(second, "bob", "eve")
    ledger.merge([first, second])
    ledger.merge([second, first])
    assert ledger.run == RUN
    assert list(ledger.graded("exam", "here")) == ["ada", "bob", "eve"]
    assert ledger.sheet("d", "exam", "here") is not None


def test_a_shard_that_is_not_done_brings_what_it_has(tmp_path: Path, ledger: Ledger) -> None:
    with Ledger.open(tmp_path / "1") as other:
        other.begin(RUN, {"ada": "d", "bob": "d"})
        other.put("bob", "d", "exam", "here", one(), 1.0, b"sheet")
    ledger.merge([tmp_path / "1"])
    assert set(ledger.roll) - set(ledger.graded("exam", "here")) == {"ada"}
    ledger.merge([shard(tmp_path / "2", "ada")])
    assert list(ledger.graded("exam", "here")) == ["ada", "bob"]


@pytest.mark.parametrize(
    ("field", "value"), [("seed", 8), ("exam", "x"), ("environment", "y"), ("versions", {}), ("sandbox", "none")]
)
def test_shards_of_different_runs_are_not_merged(tmp_path: Path, ledger: Ledger, field: str, value: object) -> None:
    first = shard(tmp_path / "1", "ada")
    second = shard(tmp_path / "2", "bob", run=Run(**{**vars_of(RUN), field: value}))
    with pytest.raises(LedgerError, match=rf"{second} was graded with other {field} than .*\({field}: "):
        ledger.merge([first, second])
    assert ledger.run is None


@pytest.mark.parametrize(
    ("other", "what"), [({"submission": "another"}, "submission"), ({"cause": "another"}, "verdict")]
)
def test_a_student_who_is_in_two_shards_with_other_contents(
    tmp_path: Path, ledger: Ledger, other: dict[str, str], what: str
) -> None:
    first, second = shard(tmp_path / "1", "ada"), shard(tmp_path / "2", "bob", "ada", **other)
    with pytest.raises(LedgerError, match=f"ada is in {first} and in {second}, with another {what}"):
        ledger.merge([first, second])
    ledger.merge([first])
    with pytest.raises(LedgerError, match=f"ada is in .* with another {what}"):
        ledger.merge([second])


def test_an_empty_shard_is_said(tmp_path: Path, ledger: Ledger) -> None:
    Ledger.open(tmp_path / "1").close()
    with pytest.raises(LedgerError, match="holds no run yet"):
        ledger.merge([tmp_path / "1"])
