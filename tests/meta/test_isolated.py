"""The worker and its children: started by fork or anew, limited, replaced when they die, and silent."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kata.course import curriculum
from kata.judge.laws import judge
from kata.learn.render import as_text
from kata.waist.assertions import ImplementationError, LawViolation
from kata.waist.codec import KataName, Record, Tensor
from kata.waist.implementation import Implementation
from kata.waist.isolated import Isolated, Limits, Worker, WorkerLost
from kata.waist.session import InProcess, Remote, Session, Stopped, chapter, probes, read, tensor, use
from kata.waist.verdict import Outcome

SUBMISSION = """
import collections, os, sys, time
import numpy as np
import tensorflow as tf

Pair = collections.namedtuple("Pair", "first second")

class Counter:
    kind = "counter"
    def __init__(self, start=0):
        self.count = start
    def add(self, value):
        self.count += value
        return self.count
    @classmethod
    def at(cls, start):
        return cls(start)

def double(x): return tf.convert_to_tensor(x) * 2
def same(x): return x
def kind(x): return type(x).__name__
def pair(): return Pair(1, np.float32(2))
def is_own(x): return isinstance(x, Pair) and x._replace(first=3).first == 3
def change(x): x[0] = 99.0
def change_inside(xs): xs["a"][0][0] = 99.0
def reverse(xs): xs.reverse()
def reverse_given(*, xs): xs["of"].reverse()
def add_a_key(options): options["more"] = None
def replace_in(xs): xs[0] = tf.constant(3.0)
def leave(xs, options): return [*reversed(xs)], {**options, "more": None}
def nothing(): pass
def raise_it(): raise KeyError("the text")
def raise_badly():
    class Bad(Exception):
        def __str__(self): raise RuntimeError
    raise Bad
def speak():
    print("said on stdout")
    print("said on stderr", file=sys.stderr)
    raise ValueError("after speaking")
def leak():
    box = []
    tf.function(lambda: box.append(tf.random.uniform([])))()
    return box[0]
def stub(): raise NotImplementedError
def apply(counter): return counter.add(5)
def process(): return os.getpid()
def random_numbers():
    import random
    return [random.random(), float(np.random.rand())]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("submission")
    (path / "ch99_waist.py").write_text(SUBMISSION, "utf-8")
    return path


@pytest.fixture(params=["in process", "isolated"])
def session(request: pytest.FixtureRequest, folder: Path, worker: Worker) -> Iterator[Session]:
    implementation = Implementation(str(folder))
    isolated = request.param == "isolated"
    backend = Isolated(implementation, Limits(), worker) if isolated else InProcess(implementation)
    found = Session(implementation, backend)
    with use(found):
        found.begin_law(KataName("ch99_waist", "any"))
        yield found
    backend.close()


waist = chapter("ch99_waist")
common = probes("common")


def test_the_same_types_come_back_wherever_it_lives(session: Session) -> None:
    result = waist.double(np.float32([1, 2]))
    assert type(result) is Tensor
    assert (result.dtype, result.tolist()) == (np.float32, [2.0, 4.0])
    assert type(waist.same(np.float32([1]))) is np.ndarray
    assert type(waist.same(tensor(1.0))) is Tensor
    assert waist.nothing() is None
    pair = waist.pair()
    assert isinstance(pair, Record)
    assert waist.kind(pair) == "Pair", "goes back as the chapter's own NamedTuple"
    assert waist.is_own(pair)
    assert waist.kind(Record("Point", ("x", "y"), (1, tensor(2.0)))) == "Point"
    assert (pair.first, pair.second, type(pair.second)) == (1, 2.0, np.float32)
    for value in (True, 3, 2**80, 1.5, "text", [1, (2, {"a": None})]):
        assert waist.same(value) == value
        assert type(waist.same(value)) is type(value)


def test_a_kata_receives_arrays_or_tensors_as_it_was_asked(session: Session) -> None:
    assert waist.kind(np.float32([1])) == "ndarray"
    assert waist.kind(tensor([1.0])) == "EagerTensor"
    assert waist.kind(1.0) == "float"


def test_live_objects_stay_where_they_are(session: Session) -> None:
    counter = waist.Counter(2)
    assert isinstance(counter, Remote)
    assert counter.type_name == "Counter"
    assert counter.add(3) == 5
    assert read(counter, "count") == 5
    assert read(counter, "kind") == "counter"
    assert waist.apply(counter) == 10
    assert waist.Counter.at(7).add(0) == 7


def test_objects_of_an_earlier_example_are_gone(session: Session) -> None:
    counter = waist.Counter()
    session.begin_example()
    with pytest.raises(Stopped):
        counter.add(1)


def test_probes_run_beside_the_implementation(session: Session) -> None:
    gradient = common.gradient(waist.double, np.float32([1.0, 2.0]), wrt=0)
    assert gradient.tolist() == [2.0, 2.0]


def test_changing_an_argument_in_place_is_said(session: Session) -> None:
    counters = [waist.Counter(1), waist.Counter(2)]
    for call in (
        lambda: waist.change(np.zeros(2)),
        lambda: waist.change_inside({"a": [np.zeros(2)]}),
        lambda: waist.reverse([1, 2]),
        lambda: waist.reverse([None, "text"]),
        lambda: waist.reverse(counters),
        lambda: waist.reverse([tensor(1.0), tensor(2.0)]),
        lambda: waist.reverse_given(xs={"of": [1.0, 2.0]}),
        lambda: waist.add_a_key({}),
        lambda: waist.replace_in([tensor(1.0)]),
    ):
        with pytest.raises(LawViolation, match="in place"):
            call()
    waist.reverse([float("nan")])  # is as it was
    waist.replace_in([tensor(3.0, np.float32)])  # is worth the same
    waist.leave([np.zeros(2), tensor(1.0), 2, counters[0]], {"one": 1})


def test_what_is_raised_crosses_as_text(session: Session) -> None:
    with pytest.raises(ImplementationError, match="the text") as caught:
        waist.raise_it()
    assert caught.value.type_name == "KeyError"
    assert caught.value.line == SUBMISSION[: SUBMISSION.index("raise KeyError")].count("\n") + 1
    with pytest.raises(ImplementationError) as caught:
        waist.raise_badly()
    assert caught.value.type_name == "Bad"


def test_a_symbolic_tensor_is_no_answer(session: Session) -> None:
    with pytest.raises(LawViolation, match="symbolic"):
        waist.leak()


def test_the_stub_and_a_missing_name_have_outcomes_of_their_own(session: Session) -> None:
    with pytest.raises(Stopped) as caught:
        waist.stub()
    assert caught.value.outcome is Outcome.TODO
    with pytest.raises(Stopped) as caught:
        waist.no_such_kata()
    assert caught.value.outcome is Outcome.BROKEN
    assert "defines no no_such_kata" in caught.value.cause


def test_every_example_starts_from_the_same_random_states(session: Session) -> None:
    session.begin_example()
    first = waist.random_numbers()
    assert waist.random_numbers() != first
    session.begin_example()
    assert waist.random_numbers() == first


def test_what_is_printed_is_kept_for_the_message(folder: Path, worker: Worker) -> None:
    implementation = Implementation(str(folder))
    session = Session(implementation, Isolated(implementation, Limits(), worker))

    def test_law() -> None:
        """Speaking is allowed."""
        waist.speak()

    report = judge(test_law, session, KataName("ch99_waist", "speak"))
    session.backend.close()
    assert report.outcome is Outcome.BROKEN
    assert "printed   said on stdout" in as_text(report.message)
    assert "said on stderr" in as_text(report.message)
    assert "raises ValueError: after speaking" in as_text(report.message)


@pytest.fixture(scope="module")
def open_worker() -> Iterator[Worker]:
    """Without walls, behind which every process has the same number."""
    without = Worker(walled=False)
    yield without
    without.close()


def test_each_kata_has_a_process_of_its_own(folder: Path, open_worker: Worker) -> None:
    implementation = Implementation(str(folder))
    session = Session(implementation, Isolated(implementation, Limits(), open_worker))
    with use(session):
        pids = []
        for name in ("one", "one", "two"):
            session.begin_law(KataName("ch99_waist", name))
            pids.append(waist.process())
    session.backend.close()
    assert pids[0] == pids[1] != pids[2]
    assert os.getpid() not in pids


def test_the_next_katas_process_starts_ahead_and_is_replaced_when_it_died(folder: Path, open_worker: Worker) -> None:
    implementation = Implementation(str(folder))
    backend = Isolated(implementation, Limits(), open_worker, ahead=True)
    session = Session(implementation, backend)
    with use(session):
        session.begin_law(KataName("ch99_waist", "one"))
        first, waiting = waist.process(), backend._next
        assert waiting is not None
        session.begin_law(KataName("ch99_waist", "two"))
        second = waist.process()
        assert second == waiting._pid != first
        assert backend._next is not None
        lost = backend._next._pid
        os.kill(lost, signal.SIGKILL)
        while backend._next.untouched():  # its first thread may be gone before its last one, which holds the socket
            time.sleep(0.01)
        session.begin_law(KataName("ch99_waist", "three"))
        assert waist.process() not in (first, second, lost)
    session.backend.close()


@pytest.mark.thorough
def test_where_there_is_no_fork_each_child_is_started_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATA_START", "spawn")
    spawning = Worker()
    assert not spawning.forks
    implementation = Implementation(str(folder))
    session = Session(implementation, Isolated(implementation, Limits(), spawning))
    with use(session):
        session.begin_law(KataName("ch99_waist", "double"))
        assert waist.double(tensor(2.0)).tolist() == 4.0
    session.backend.close()
    spawning.close()


def test_where_there_is_no_fork_a_child_starts_in_the_background(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever prepares one, as the watch does, does not wait for TensorFlow: here it never comes."""
    forever = tmp_path / "python"
    forever.write_text("#!/bin/sh\nexec sleep 1000\n", "utf-8")
    forever.chmod(0o755)
    monkeypatch.setenv("KATA_START", "spawn")
    monkeypatch.setattr("sys.executable", str(forever))
    spawning = Worker()
    backend = Isolated(Implementation(str(folder)), Limits(), spawning)
    backend.prepare()
    backend.close()
    spawning.close()


@pytest.mark.thorough
def test_a_worker_that_dies_is_started_again_and_the_law_is_run_again(folder: Path) -> None:
    mortal = Worker()
    implementation = Implementation(str(folder))
    session = Session(implementation, Isolated(implementation, Limits(), mortal))
    kata = KataName("ch99_waist", "double")
    with use(session):
        session.begin_law(kata)
        assert waist.double(tensor(1.0)).tolist() == 2.0
    assert mortal._process is not None
    os.kill(mortal._process.pid, signal.SIGKILL)
    mortal._process.wait()

    def test_law() -> None:
        """Twice one is two."""
        assert waist.double(tensor(1.0)).tolist() == 2.0

    assert judge(test_law, session, KataName("ch99_waist", "other")).outcome is Outcome.SOLVED
    session.backend.close()
    mortal.close()


def test_who_takes_the_worker_down_twice_has_crashed(folder: Path) -> None:
    session = Session(Implementation(str(folder)), InProcess(Implementation(str(folder))))

    def test_law() -> None:
        """Takes the worker down."""
        raise WorkerLost

    report = judge(test_law, session, KataName("ch99_waist", "double"))
    assert report.outcome is Outcome.CRASHED
    assert "twice" in report.cause


def test_a_law_with_a_mistake_of_its_own_blames_nobody(folder: Path) -> None:
    session = Session(Implementation(str(folder)), InProcess(Implementation(str(folder))))

    def test_broken_law() -> None:
        """Uses what it never imported."""
        never_imported()  # noqa: F821

    def test_law() -> None:
        """Trips over what came back."""
        len(waist.nothing())

    report = judge(test_broken_law, session, KataName("ch99_waist", "double"))
    assert report.outcome is Outcome.INFRASTRUCTURE
    assert "not your code" in report.cause
    report = judge(test_law, session, KataName("ch99_waist", "nothing"))
    assert report.outcome is Outcome.WRONG
    assert "returns None: there is no `return`" in report.cause


def test_a_worker_that_cannot_start_is_nobodys_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    implementation = Implementation(str(folder))
    broken = Worker()
    session = Session(implementation, Isolated(implementation, Limits(), broken))

    def test_law() -> None:
        """Never comes to run."""

    report = judge(test_law, session, KataName("ch99_waist", "double"))
    broken.close()
    assert report.outcome is Outcome.INFRASTRUCTURE


def test_a_law_has_a_time_limit_in_process_too(folder: Path) -> None:
    session = Session(Implementation(str(folder)), InProcess(Implementation(str(folder))))

    def test_law() -> None:
        """Takes for ever."""
        while True:
            time.sleep(0.01)

    started = time.monotonic()
    report = judge(test_law, session, KataName("ch99_waist", "double"), limit=0.3)
    assert report.outcome is Outcome.TIMEOUT
    assert time.monotonic() - started < 5
    again = judge(test_law, session, KataName("ch99_waist", "double"), limit=60)
    assert again.outcome is Outcome.TIMEOUT  # its author is not made to wait once more


def test_katas_are_called_from_laws_alone() -> None:
    (kata,) = curriculum.find("huber")
    with pytest.raises(RuntimeError, match="no implementation is under test"):
        chapter(kata.chapter).huber(1.0, 2.0)
