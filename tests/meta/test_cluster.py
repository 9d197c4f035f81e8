"""`kata grade --cluster` with a real scheduler and real workers: one machine's bytes, whatever happens to them."""

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import classes
from kata.course import curriculum
from kata.waist import desk, walls
from kata.waist.answering import LawSheet
from kata.waist.codec import KataName, Raised
from kata.waist.implementation import ROOT
from kata.waist.paper import Paper, opened, packed, paper_of, sealed, unpacked
from kata.waist.question import Answered, Prepared, Question
from kata.waist.session import Stopped
from kata.waist.verdict import Outcome
from tests.meta.dask_cluster import KILLER, Cluster, host_in
from tests.meta.test_grade import call

KATAS = "linear_scaling_rule,updates_per_epoch,global_norm,clip_by_norm"
OPTIONS = ("--kata", KATAS, "--seed", "11")

walled = pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls")
pytestmark = pytest.mark.xdist_group("grading")


@pytest.fixture(scope="module", params=[12, pytest.param(100, marks=pytest.mark.thorough)])
def handed_in(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("class")
    classes.write(
        classes.class_of(request.param, 4, [k for name in KATAS.split(",") for k in curriculum.find(name)]), folder
    )
    return folder


@pytest.fixture(scope="module")
def graded(handed_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By one machine."""
    out: Path = tmp_path_factory.mktemp("out")
    call(handed_in, "--out", out, *OPTIONS, "--jobs", 2)
    return out


def begun(handed_in: Path, out: Path, cluster: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kata.cli", "grade", str(handed_in), "--out", str(out), *OPTIONS]
    command += ["--cluster", cluster]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def in_ledger(out: Path) -> list[str]:
    """The students that have a verdict, as often as they have one."""
    try:
        with sqlite3.connect(f"file:{out / 'ledger.sqlite'}?mode=ro", uri=True, timeout=10) as ledger:
            return [student for (student,) in ledger.execute("SELECT student FROM graded")]
    except sqlite3.OperationalError:
        return []


def wait_for(count: int, out: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 240
    while len(in_ledger(out)) < count and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.1)


def same(one: Path, other: Path) -> None:
    """Everything that people or programs read of a run."""
    names = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    compared = [name for name in names if name.parts[0] in ("results.json", "grades.csv", "feedback")]
    assert len(compared) > 2
    for name in compared:
        assert (other / name).read_bytes() == (one / name).read_bytes(), name


@walled
def test_one_worker_killed_and_one_frozen_it_is_one_machine_s_report(
    handed_in: Path, graded: Path, tmp_path: Path
) -> None:
    out, everybody = tmp_path / "out", len(list(handed_in.iterdir()))
    with Cluster(tmp_path) as cluster:
        first, second = cluster.start_worker(), cluster.start_worker()
        grading = begun(handed_in, out, cluster.address)
        wait_for(everybody // 3, out, grading)
        first.kill()
        second.send_signal(signal.SIGSTOP)
        time.sleep(8.0)
        before = len(in_ledger(out))
        second.send_signal(signal.SIGCONT)
        said, _ = grading.communicate(timeout=400)
    assert grading.returncode == 0, said
    assert before < everybody, "all were graded before anything happened"
    assert len(in_ledger(out)) == len(set(in_ledger(out))) == everybody
    same(graded, out)


@walled
def test_with_the_scheduler_gone_it_says_so_and_goes_on_later(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    out, everybody = tmp_path / "out", len(list(handed_in.iterdir()))
    with Cluster(tmp_path) as cluster:
        cluster.start_worker()
        grading = begun(handed_in, out, cluster.address)
        wait_for(everybody // 3, out, grading)
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        said, _ = grading.communicate(timeout=120)
        assert grading.returncode == 3, said
        assert "the same command goes on" in " ".join(said.split())
        assert "Traceback" not in said
        kept = sorted(in_ledger(out))
        assert 0 < len(kept) < everybody
        cluster.start_scheduler()
        cluster.start_worker()
        call(handed_in, "--out", out, *OPTIONS, "--cluster", cluster.address)
    assert len(in_ledger(out)) == len(set(in_ledger(out))) == everybody
    same(graded, out)


@walled
def test_a_throw_away_cluster_of_this_machine(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    call(handed_in, "--out", tmp_path, *OPTIONS, "--cluster", "local:2")
    same(graded, tmp_path)


@walled
def test_who_takes_its_worker_down_is_tried_thrice_and_the_rest_go_on(tmp_path: Path) -> None:
    handed_in, out = tmp_path / "class", tmp_path / "out"
    for student, more in {"ada": "", "eve": f"\n# {KILLER}\n", "zoe": "\n"}.items():
        (handed_in / student).mkdir(parents=True)
        text = (ROOT / "solutions" / "ch07_accumulation.py").read_text("utf-8")
        (handed_in / student / "ch07_accumulation.py").write_text(text + more, "utf-8")
    options = ("--kata", "linear_scaling_rule", "--seed", "11")
    with Cluster(tmp_path) as cluster:
        cluster.start_worker(nanny=True, faulty=True)
        cluster.start_worker(nanny=True, faulty=True)
        said = call(handed_in, "--out", out, *options, "--cluster", cluster.address, status=3)
        log = "".join(path.read_text() for path in tmp_path.glob("worker*.log"))
    assert log.count("was killed by signal 9") == 3, log
    assert "eve: linear_scaling_rule: the process that judged it was gone three times" in said
    results = json.loads((out / "results.json").read_text("utf-8"))["submissions"]
    found = {student: one["ch07_accumulation"]["linear_scaling_rule"]["outcome"] for student, one in results.items()}
    assert found == {"ada": "solved", "eve": "infrastructure", "zoe": "solved"}


@walled
def test_a_worker_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    """One with another TensorFlow (as its package says), one with another host side: and no other is there."""
    other_version, other_host = host_in(tmp_path / "version"), host_in(tmp_path / "waist")
    (other_version / "tensorflow-9.8.7.dist-info").mkdir()
    (other_version / "tensorflow-9.8.7.dist-info" / "METADATA").write_text("Name: tensorflow\nVersion: 9.8.7\n")
    with (other_host / "tests" / "probes" / "common.py").open("a") as probe:
        probe.write("\n# changed\n")
    handed_in = tmp_path / "class"
    (handed_in / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "ch07_accumulation.py", handed_in / "ada")
    arguments = (handed_in, "--out", tmp_path / "out", "--kata", "linear_scaling_rule", "--seed", "11")
    with Cluster(tmp_path) as cluster:
        cluster.start_worker(other_version)
        cluster.start_worker(other_host)
        time.sleep(8.0)
        said = call(*arguments, "--cluster", cluster.address, status=2)
        assert "no worker of the cluster can answer" in said
        assert "tensorflow 9.8.7 instead of 2." in said
        assert "another kata/waist or tests/probes" in said
        assert "is not used" in said
        cluster.start_worker()
        said = call(*arguments, "--cluster", cluster.address)
        assert "1 submission, 1 of 1 kata solved" in said


@walled
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_with_a_certificate_of_one_s_own_nobody_else_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["sh", ROOT / "docs" / "cluster" / "certificate.sh", tmp_path / "tls", "scheduler"], check=True)
    (tmp_path / "class" / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "ch07_accumulation.py", tmp_path / "class" / "ada")
    arguments = (tmp_path / "class", "--out", tmp_path / "out", "--kata", "linear_scaling_rule", "--seed", "11")
    with Cluster(tmp_path, tls=tmp_path / "tls") as cluster:
        cluster.start_worker()
        assert "no scheduler answers" in call(*arguments, "--cluster", cluster.address, status=2)
        monkeypatch.setenv("DASK_CONFIG", str(tmp_path / "tls"))
        assert "1 of 1 kata solved" in call(*arguments, "--cluster", cluster.address)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml", "Dockerfile", "slurm.py"])
def test_the_recipes_parse_and_bring_what_a_worker_needs(name: str) -> None:
    text = (ROOT / "docs" / "cluster" / name).read_text("utf-8")
    if name.endswith(".yaml"):
        found = list(yaml.safe_load_all(text))
        assert "tls://" in str(found)
    elif name == "Dockerfile":
        copied = {line.split()[1] for line in text.splitlines() if line.startswith("COPY")}
        assert copied == {"pyproject.toml", *(str(path.relative_to(ROOT)) for path in desk.folder_of_the_host())}
    else:
        compile(text, name, "exec")


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--cluster", "local:none"], "such as local:2"),
        (["--cluster", "host:8786"], "give a scheduler such as tls://host:8786"),
        (["--cluster", "tcp://127.0.0.1:9"], "no scheduler answers"),
    ],
)
def test_wrong_usage_is_a_line_with_a_remedy(arguments: list[str], remedy: str, tmp_path: Path) -> None:
    (tmp_path / "class" / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "ch07_accumulation.py", tmp_path / "class" / "ada")
    options = ("--kata", "linear_scaling_rule", "--seed", "11", "--sandbox", "none")
    said = call(tmp_path / "class", "--out", tmp_path / "out", *options, *arguments, status=2)
    assert remedy in " ".join(said.split())
    assert "Traceback" not in said


def test_without_dask_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "kata.cli", "grade", str(tmp_path), "--out", "x", "--cluster", "local:2"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "uv sync --extra cluster" in done.stderr


def test_a_machine_that_answers_needs_no_law_and_no_solution(tmp_path: Path) -> None:
    """All that `kata.waist.dask_desk` imports is there in a folder with the host side alone."""
    code = "import sys, kata.waist.dask_desk, kata.waist.worker; print(*sorted(m for m in sys.modules if 'kata' in m))"
    environment = {**os.environ, "PYTHONPATH": str(host_in(tmp_path))}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in ("kata", "kata.waist") or name.startswith("kata.waist.") for name in done.stdout.split())


# What travels


def question(number: float) -> Prepared:
    asked = Question(KataName("ch02_losses", "huber"), None, (np.float32(number),), {})
    return Prepared(asked, f"request {number}".encode(), f"likely {number}".encode(), Answered(number, []))


def test_a_paper_holds_no_answer_and_comes_back_whole() -> None:
    laws = [[[question(1.0), question(2.0)]], [[question(3.0)]]]
    paper = paper_of(KataName("ch02_losses", "huber"), laws, guarded=False)
    data = sealed(paper)
    assert b"likely" not in zlib.decompress(data)
    (talk,) = opened(data, Paper).questions(0)[0]
    assert [each.request for each in talk] == [b"request 1.0", b"request 2.0"]
    assert [each.is_likely(b"likely 1.0") for each in talk] == [True, False]


def test_a_sheet_comes_back_as_it_was_with_the_reference_s_own_answers_in_place() -> None:
    raised = Raised("raised", "ValueError", "no", 3, "")
    likely = next(iter(paper_of(KataName("c", "k"), [[[question(1.0)]]], guarded=False).questions(0)[0][0])).answer
    sheet = LawSheet([[likely, raised], [likely]], Stopped(Outcome.TIMEOUT, "a loop?", line=4), "said")
    own = [[Answered(1.0, []), Answered(2.0, [])], [Answered(3.0, []), Answered(4.0, [])]]
    found = unpacked(opened(sealed(packed(sheet)), type(packed(sheet))), own)
    assert found.answers == [[own[0][0], raised], [own[1][0]]]
    assert found.answers[0][0] is own[0][0]
    assert (found.ending.outcome, found.ending.line, found.printed) == (Outcome.TIMEOUT, 4, "said")
    with pytest.raises(ValueError, match="more answers than questions"):
        unpacked(packed(sheet), own[:1])


class Bomb:
    def __reduce__(self) -> object:
        return os._exit, (9,)


@pytest.mark.parametrize(
    "data",
    [pickle.dumps(Bomb()), zlib.compress(pickle.dumps(Bomb())), b"", sealed(["no", "sheet"]), sealed({})[:-3]],
    ids=["a pickle", "a compressed one", "nothing", "another message", "cut off"],
)
def test_what_is_no_message_is_said_to_be_none_and_nothing_is_unpickled(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no message|cut off"):
        opened(data, desk.Answers)


def test_a_message_that_swells_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        opened(zlib.compress(bytes(2**24)), desk.Answers, 2**20)
