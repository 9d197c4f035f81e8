"""`kata show`: the script has the failing case again, with nothing but TensorFlow, NumPy and the learner's file."""

import ast
import builtins
import dis
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum, progress
from kata.judge import case, profiles
from kata.judge.judging import judge_kata
from kata.learn import show_case
from kata.learn.probe_source import Sources
from kata.waist import error_text
from kata.waist.codec import ProbeName
from kata.waist.implementation import ROOT, Implementation
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session

KINDS = {
    "a pure function": ("huber", "quadratic_everywhere"),
    "a tuple": ("adam_step", "adam_without_correction"),
    "a class with state": ("F1Score", "F1OfAllPairs"),
    "an object that a function made": ("make_schedule", "warm_up_computed_not_used"),
    "a model builder": ("build_sequence_classifier", "clips_each_variable"),
    "a train step": ("train_step", "forward_as_in_inference"),
    "a record made by a probe": ("precision", "precision_over_the_positives"),
    "a model that trains": ("GradientAccumulationModel", "SumOfGradients"),
}
LEARNERS_FILE = """import sys
sys.path.insert(0, {root!r})
import solutions.{chapter} as right
globals().update({{name: value for name, value in vars(right).items() if not name.startswith("__")}})
from misconceptions.{chapter} import {variant} as {kata}
"""
RUN_ALL = """import os, runpy, sys
import tensorflow
for path in sys.argv[1:]:
    pid = os.fork()  # a process for each script, and one start of TensorFlow for all
    if pid == 0:
        os.dup2(os.open(path + ".out", os.O_WRONLY | os.O_CREAT), 1)
        runpy.run_path(path, run_name="__main__")
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[case.Case, Path]]:
    """Of every kind the first failing case, and its script after it was run."""
    profiles.load("learner")
    found, worker = {}, Worker(walled=False)  # these learners' files import from this repository
    for kind, (name, variant) in KINDS.items():
        (kata,) = curriculum.find(name)
        folder = tmp_path_factory.mktemp(name)
        text = LEARNERS_FILE.format(root=str(ROOT), chapter=kata.chapter, variant=variant, kata=name)
        (folder / f"{kata.chapter}.py").write_text(text, "utf-8")
        implementation = Implementation(str(folder))
        session = Session(implementation, Isolated(implementation, Limits(), worker), keeps=folder / "last")
        judge_kata(kata, session)
        session.backend.close()
        first = case.kept(kata, implementation, folder / "last")[0]
        (folder / "shown.py").write_text(show_case.script(first), "utf-8")
        found[kind] = first, folder / "shown.py"
    worker.close()
    scripts = [str(path) for _, path in found.values()]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, *scripts], cwd="/", capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return found


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_gives_what_the_message_says_is_yours(kind: str, shown: dict[str, tuple[case.Case, Path]]) -> None:
    found, path = shown[kind]
    printed = numbers(path.with_name("shown.py.out").read_text("utf-8"))
    yours = numbers(found.yours)
    assert yours
    assert all(any(abs(number - other) <= 1e-6 * abs(number) for other in printed) for number in yours)


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_needs_nothing_of_this_repository(kind: str, shown: dict[str, tuple[case.Case, Path]]) -> None:
    text = shown[kind][1].read_text("utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"^(from|import) (kata|tests)\b", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 120


def globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from globals_of(constant)


def probes() -> Iterator[ProbeName]:
    for path in sorted((ROOT / "tests" / "probes").glob("c[ho]*.py")):
        if path.stem != "compare":
            names = [name for name in curriculum.definitions(path) if not name.startswith("_")]
            yield from (ProbeName(path.stem, name) for name in names)


@pytest.mark.parametrize("probe", list(probes()), ids=lambda probe: f"{probe.module}.{probe.name}")
def test_every_probe_is_written_out_with_all_that_it_needs(probe: ProbeName) -> None:
    sources = Sources()
    sources.add(probe)
    text = "\n".join([*sources.imports, sources.text])
    known = {*sources.names, *dir(builtins), "__name__", "__qualname__", "__module__", "__annotations__"}
    for node in ast.walk(ast.parse("\n".join(sources.imports))):
        if isinstance(node, ast.alias):
            known.add(node.asname or node.name.partition(".")[0])
    assert set(globals_of(compile(text, "probe", "exec"))) <= known


def test_kata_show_judges_anew_keeps_the_case_and_forgets_it_when_the_kata_is_solved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATH", tmp_path / "state.json")
    run = CliRunner()
    reference = (ROOT / "solutions" / "ch07_accumulation.py").read_text("utf-8")
    folder = tmp_path / "mine"
    folder.mkdir()
    path = folder / "ch07_accumulation.py"
    at = reference.index("def linear_scaling_rule(")
    path.write_text(reference[:at] + reference[at:].replace("return ", "return 0.0 * ", 1), "utf-8")
    options = ["linear_scaling_rule", "--impl", str(folder)]

    done = run.invoke(cli.app, ["show", *options])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(show_case.FIRST_LINE)
    assert list((tmp_path / "last" / "linear_scaling_rule").glob("*.case"))
    out = tmp_path / "again.py"
    for _ in range(2):  # its own file may be written anew
        assert run.invoke(cli.app, ["show", *options, "--out", str(out)]).exit_code == 0
        assert out.read_text("utf-8") == done.stdout
    assert run.invoke(cli.app, ["show", *options, "--law", "no such law"]).exit_code == 2
    assert run.invoke(cli.app, ["show", *options, "--out", str(path)]).exit_code == 2  # not over the learner's work

    path.write_text(reference, "utf-8")
    assert run.invoke(cli.app, ["check", "linear_scaling_rule", "--impl", str(folder)]).exit_code == 0
    assert not list((tmp_path / "last" / "linear_scaling_rule").glob("*.case"))
    done = run.invoke(cli.app, ["show", *options])
    assert (done.exit_code, "nothing to show" in done.output) == (0, True)


@pytest.mark.parametrize("data", [b"", b"\x81", b"no case", b"\x80" * 100])
def test_a_damaged_case_counts_as_none(data: bytes, tmp_path: Path) -> None:
    (kata,) = curriculum.find("huber")
    law = curriculum.laws(kata.chapter)[kata.name][0].partition("::")[2]
    (tmp_path / "huber").mkdir()
    (tmp_path / "huber" / f"{law}.case").write_bytes(data)
    assert case.kept(kata, Implementation("anywhere"), tmp_path) == []


TRACED = """in user code:

    File "/mine/ch02_losses.py", line 9, in huber  *
        return x if x > 0 else 0.0
    File "/lib/numpy/mean.py", line 3, in mean  **
        return a

    {error}
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("OperatorNotAllowedInGraphError: Using a symbolic `tf.Tensor` as a Python `bool` is not allowed. You can "
         "attempt the following resolutions to the problem: decorate this function with @tf.function.", "tf.where"),
        ("OperatorNotAllowedInGraphError: Iterating over a symbolic `tf.Tensor` is not allowed. You can attempt the "
         "following resolutions", "loop over a tensor"),
        ("OperatorNotAllowedInGraphError: Cannot convert a symbolic tf.Tensor (x:0) to a numpy array. This error may "
         "indicate that you're trying to pass a Tensor to a NumPy call.", "NumPy or Python"),
        ("OperatorNotAllowedInGraphError: delta must be positive", "delta must be positive"),
    ],
)  # fmt: skip
def test_of_an_error_while_tracing_the_useful_part_is_said(error: str, said: str) -> None:
    text, line = error_text.traced(
        TRACED.format(error=error), "OperatorNotAllowedInGraphError", lambda path: path.startswith("/mine")
    )
    assert said in text
    assert line == 9
    assert not any(word in text for word in ("OperatorNot", "resolutions", "@tf.function", "indicate"))


@pytest.mark.parametrize(
    ("text", "plainer"),
    [
        ("{{function_node __wrapped__Mul_device_/job:x}} Incompatible shapes: [3] vs. [2] [Op:Mul] name: ",
         "Incompatible shapes: [3] vs. [2]"),
        ("Exception encountered when calling L.call().\n\n\x1b[1mbad [Op:Mul] name: \x1b[0m\n\nArguments received by "
         "L.call():\n  • x=1", "in L.call(): bad"),
        ("Exception encountered when calling M.call().\n\n\x1b[1m\x1b[0m\n\nArguments received by M.call():\n", ""),
        ("delta must be positive. Received: 0", "delta must be positive. Received: 0"),
    ],
)  # fmt: skip
def test_names_of_devices_and_kernels_are_left_out(text: str, plainer: str) -> None:
    assert error_text.plainer(text) == plainer
