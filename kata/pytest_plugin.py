"""The pytest side: options, markers, which laws run on which implementation, outcomes, the summary.

Exit status: 0 when every kata asked for is solved (and every other test passed); 1 when one is not; 2 when
interrupted; 3 when the machine's fault kept a kata from being judged, or on an internal error; 4 for wrong
usage; 5 when nothing was selected.
"""

import os
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kata import clone
from kata.course import curriculum, progress
from kata.course.curriculum import Kata
from kata.judge import case, judging, laws, profiles
from kata.judge.catalogue import Catalogue
from kata.judge.diagnosis import Diagnosis, diagnose
from kata.judge.drawing import Law, law_name
from kata.judge.exam import Conversation
from kata.learn import summary
from kata.learn.render import as_text
from kata.pytest_progress import Progress
from kata.waist import isolated, machine, tensorflow_start, verdict
from kata.waist.implementation import EDITION, ROOT, Implementation, implementation_at
from kata.waist.session import Backend, InProcess, Session
from kata.waist.verdict import KataVerdict, LawReport, Outcome

_META = ROOT / "tests" / "meta"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kata", "katas")
    group.addoption(
        "--impl",
        metavar="exercises|solutions|PATH",
        default=os.environ.get("KATA_IMPL", "exercises"),
        help="the implementation to judge: a folder with chapters (default: $KATA_IMPL or exercises)",
    )
    group.addoption(
        "--isolated",
        action="store_true",
        help="judge from outside: the implementation runs in a process of its own, under limits",
    )
    group.addoption("--kata", metavar="NAME[,NAME]", help="only these katas or chapters")
    group.addoption(
        "--profile",
        choices=profiles.NAMES,
        default=os.environ.get("KATA_PROFILE", "learner"),
        help="how many examples, and what is remembered (default: $KATA_PROFILE or learner)",
    )
    group.addoption("--verdicts", metavar="FILE", type=Path, help="write the verdicts to FILE as JSON")
    group.addoption(
        "--seeds", type=int, default=1, help="for how many seeds the tests are proven (tests/meta/test_variants.py)"
    )
    group.addoption(
        "--thorough",
        action="store_true",
        help="with the solutions: also what takes long (CI does it)",
    )
    group.addoption("--no-diagnosis", dest="diagnose", action="store_false", help="do not look for the misconception")
    group.addoption("--gpu-on-cpu", action="store_true", help="run the gpu laws on the CPU (but for the timed one)")
    group.addoption("--call-limit", metavar="SECONDS", type=float, default=30.0, help="isolated: time for one call")
    group.addoption("--law-limit", metavar="SECONDS", type=float, default=90.0, help="time for one law")
    group.addoption(
        "--memory-limit", metavar="MIB", type=int, default=4096, help="isolated: memory beyond TensorFlow's"
    )


@dataclass
class Run:
    """What this process knows of the run: the implementation, and, where reports arrive, how each law came out."""

    implementation: Implementation
    selected: set[tuple[str, str]] | None
    """The (chapter, kata) pairs asked for with --kata; None when all are."""
    session: Session | None = None
    worker: isolated.Worker | None = None
    laws: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """For every kata of this run the ids of its laws, in file order."""
    reports: dict[str, LawReport] = field(default_factory=dict)
    last_laws: dict[tuple[str, str], pytest.Item] = field(default_factory=dict)
    """Of every kata the last law that this process judges: then its mistake is looked for."""
    failing: dict[tuple[str, str], list[Conversation]] = field(default_factory=dict)
    """Of every kata that fails in this process: the conversations on which its laws failed."""
    first_failures: dict[tuple[str, str] | None, str] = field(default_factory=dict)
    diagnoses: dict[tuple[str, str], str] = field(default_factory=dict)
    catalogue: Catalogue | None = None
    texts: progress.Texts = field(default_factory=dict)
    """Fingerprints of the learner's katas as they stood before they were judged."""
    absent: LawReport = verdict.NOT_JUDGED
    """What is said of a law without a report."""
    note: str = ""
    """What is said about the run before it starts."""

    def unreached(self) -> set[tuple[str, str]]:
        """Katas of which not one law was judged."""
        return {owner for owner, ids in self.laws.items() if not any(nodeid in self.reports for nodeid in ids)}

    def remember(self) -> None:
        """Keep the verdicts on the learner's katas, of which every law was judged."""
        found = {
            name: found
            for chapter, katas in self.verdicts().items()
            for name, found in katas.items()
            if found.total == len(curriculum.laws(chapter).get(name, ()))
            and all(nodeid in self.reports for nodeid in self.laws.get((chapter, name), ()))
        }
        progress.note(found, self.texts, self.implementation)

    def expect(self, nodeids: list[str]) -> None:
        """These laws are to be judged."""
        for nodeid in nodeids:
            owner = curriculum.kata_of(nodeid)
            if owner and curriculum.law_of(nodeid) in curriculum.laws(owner[0])[owner[1]]:
                self.laws.setdefault(owner, []).append(nodeid)
        known = [kata for kata in curriculum.katas() if (kata.chapter, kata.name) in self.laws]
        self.texts = progress.texts_of(known, self.implementation)

    def verdicts(self) -> dict[str, dict[str, KataVerdict]]:
        """The verdict on every kata of this run, in the curriculum's order; a law without a report does not hold."""
        owners = list(self.laws) + [owner for owner in sorted(self.selected or ()) if owner not in self.laws]
        found: dict[str, dict[str, KataVerdict]] = {}
        order = {(kata.chapter, kata.name): i for i, kata in enumerate(curriculum.katas())}
        for chapter, name in sorted(owners, key=lambda owner: (order.get(owner, len(order)), owner)):
            reports = [self.reports.get(nodeid) for nodeid in self.laws.get((chapter, name), [])]
            judged = verdict.of_kata(reports, self.absent)
            sentence = self.diagnoses.get((chapter, name), "")
            found.setdefault(chapter, {})[name] = msgspec.structs.replace(judged, diagnosis=sentence)
        return found


_run = pytest.StashKey[Run]()
_report = pytest.StashKey[LawReport]()
_diagnosis = pytest.StashKey[Diagnosis]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Run the same command again where pytest mistook a value of ours for the place of its tests.

    pytest settles its root directory before it knows our options, from every word that is a path: after
    `--impl ../ada` it would look for its settings, and for conftests, in the submission. Written as one
    word, `--impl=../ada`, it does not.
    """
    if not clone.is_clone(ROOT) and clone.is_clone(early_config.rootpath):
        _release_output(early_config)  # the package was installed apart from the clone: it runs its own
        clone.change_to(early_config.rootpath, "pytest", sys.argv[1:])
    if early_config.rootpath == ROOT:
        _forget_verdicts(early_config.known_args_namespace)
    given = [str(argument) for argument in early_config.invocation_params.args]
    joined = _joined(given)
    if early_config.rootpath == ROOT or joined == given or not Path.cwd().is_relative_to(ROOT):
        return
    if given != sys.argv[1:]:
        raise pytest.UsageError(f"write option and path as one word: {' '.join(joined)}")
    _release_output(early_config)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *joined])


def _release_output(config: pytest.Config) -> None:
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()  # it holds our file descriptors 1 and 2


def _joined(arguments: list[str]) -> list[str]:
    """The arguments with our options that take a path joined to it by `=`."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] in ("--impl", "--verdicts"):
            found[-1] += f"={argument}"
        else:
            found.append(argument)
    return found


def pytest_configure(config: pytest.Config) -> None:
    if config.rootpath != ROOT:  # another project in the same environment
        config.pluginmanager.unregister(name="kata.pytest_plugin")
        return
    config.addinivalue_line("markers", "kata(name): the laws of this kata")
    config.addinivalue_line("markers", "thorough: proves more than a newcomer waits for; run with --thorough")
    config.addinivalue_line("markers", "gpu(speed=False): needs a GPU; skipped without one")
    config.addinivalue_line("markers", "browser: needs chromium and its driver; skipped without them")
    if not hasattr(config, "workerinput"):
        _forget_verdicts(config.option)
        run_note = _redirect(config)
    else:
        run_note = ""
    tensorflow_start.set_environment()
    profiles.load(config.option.profile)
    try:
        implementation = implementation_at(config.option.impl)
        names = [name.strip() for name in (config.option.kata or "").split(",") if name.strip()]
        selected = {(kata.chapter, kata.name) for name in names for kata in curriculum.find(name)} if names else None
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_run] = Run(implementation, selected, note=run_note)
    # All laws of a kata on one xdist worker: they share its child, and outcomes do not depend on the split.
    # (A single worker has them all anyway, and by groups xdist would run one that dies again, for ever.)
    if (getattr(config.option, "numprocesses", None) or 0) > 1 and config.option.dist in ("no", "load"):
        config.option.dist = "loadgroup"


def _forget_verdicts(options: Any) -> None:
    """Remove what an earlier run wrote, before anything of this one can fail: nobody gets another's marks."""
    path: Path | None = getattr(options, "verdicts", None)
    if path is None or getattr(options, "collectonly", False):
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise pytest.UsageError(f"--verdicts {path}: {error.strerror}; give a file that can be written") from None


def _is_whole(config: pytest.Config) -> bool:
    """Whether this is the README's command: everything, for the solutions."""
    option = config.option
    plain = option.kata is None and not option.collectonly and not option.usepdb
    plain = plain and config.rootpath == ROOT
    return plain and option.impl == "solutions" and config.args_source is not pytest.Config.ArgsSource.ARGS


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """The whole suite takes all cores, unless told otherwise; before xdist looks at its options.

    A worker of xdist comes by here too, and must never have workers of its own.
    """
    is_worker = hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ
    if not is_worker and _is_whole(config) and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = machine.cores()
    return (yield)


# What is collected


def _redirect(config: pytest.Config) -> str:
    """Let a chapter that is named as if it were a test be judged by its laws; what is said about that.

    `pytest exercises/ch02_losses.py` (or the folder) is `pytest --kata ch02_losses`; and from a folder below the
    clone, where pytest would look for tests in that folder alone, the laws are where they always are.
    """
    tests = str(ROOT / "tests")
    if config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR:
        if not Path.cwd().is_relative_to(ROOT / "tests"):
            config.args = [tests]
        return ""
    named = [_chapter_at(argument) for argument in config.args]
    chapters = [found for found in named if found is not None]
    if not chapters or len(chapters) < len(named):
        return ""
    folders = {folder for folder, _ in chapters}
    if len(folders) > 1:
        raise pytest.UsageError("these are chapters of several folders; judge one folder at a time, with --impl")
    names = [name for _, name in chapters if name]
    config.option.impl = str(folders.pop())
    config.option.kata = config.option.kata or ",".join(names) or None
    config.args = [tests]
    label = implementation_at(config.option.impl).label
    return f"{label}/ holds no tests: it is judged by the laws in tests/, as with --impl {label}" + (
        f" --kata {config.option.kata}" if config.option.kata else ""
    )


def _chapter_at(argument: str) -> tuple[Path, str] | None:
    """The folder of chapters, and the chapter or kata in it, that an argument of pytest names; None for all others."""
    place, _, kata = argument.partition("::")
    path = (Path.cwd() / place).resolve()
    if path in (ROOT / "exercises", ROOT / "solutions"):
        return path, ""
    if path.parent in (ROOT / "exercises", ROOT / "solutions") and path.suffix == ".py":
        return path.parent, kata or path.stem
    return None


def pytest_report_header(config: pytest.Config) -> str | None:
    return config.stash[_run].note or None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    run = config.stash[_run]
    if collection_path == _META and not _wants_meta(config):
        return True
    if run.selected is not None and collection_path.name.startswith("test_ch"):
        chapters = {chapter for chapter, _ in run.selected}
        return collection_path.stem.removeprefix("test_") not in chapters or None
    return None


def _wants_meta(config: pytest.Config) -> bool:
    """The tool's own tests run with the solutions, or when they are named; a learner's run is the katas alone."""
    if any("meta" in Path(argument.split("::")[0]).parts for argument in config.args):
        return True
    return config.option.impl == "solutions" and config.option.kata is None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if owner := curriculum.kata_of(item.nodeid):
            item.add_marker(pytest.mark.xdist_group(".".join(owner)))
    order = {(kata.chapter, kata.name): i for i, kata in enumerate(curriculum.katas())}
    items.sort(key=lambda item: order.get(curriculum.kata_of(item.nodeid) or ("", ""), len(order)))  # a kata at a time
    kept = items
    if not (config.option.thorough or config.option.seeds > 1 or any("::" in arg for arg in config.args)):
        kept = [item for item in kept if item.get_closest_marker("thorough") is None]
    selected = config.stash[_run].selected
    if selected is not None:
        kept = [item for item in kept if curriculum.kata_of(item.nodeid) in selected]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    run = session.config.stash[_run]
    run.expect([item.nodeid for item in session.items])
    run.last_laws = {
        owner: item
        for item in session.items
        if (owner := curriculum.kata_of(item.nodeid)) and item.get_closest_marker("gpu") is None
    }
    if hasattr(session.config, "workerinput"):
        return
    _write_verdicts(session.config)  # before any law runs: whatever happens, the file never claims too much
    if session.config.option.isolated and run.laws and not session.config.option.collectonly:
        _worker(run).start()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    run = node.config.stash[_run]
    if not run.laws:
        run.expect(ids)
        _write_verdicts(node.config)


# How a law is judged


def _worker(run: Run) -> isolated.Worker:
    run.worker = run.worker or isolated.Worker()
    return run.worker


def _limits(config: pytest.Config) -> isolated.Limits:
    option = config.option
    return isolated.Limits(call=option.call_limit, law=option.law_limit, memory=option.memory_limit * 2**20)


def _backend(config: pytest.Config, implementation: Implementation) -> Backend:
    if not config.option.isolated:
        return InProcess(implementation)
    return isolated.Isolated(implementation, _limits(config), _worker(config.stash[_run]), ahead=True)


def _catalogue(config: pytest.Config) -> Catalogue:
    if not config.option.isolated and not EDITION:
        return Catalogue(InProcess(implementation_at("solutions")))
    return Catalogue.on(_worker(config.stash[_run]), _limits(config))


def _session(config: pytest.Config) -> Session:
    run = config.stash[_run]
    if run.session is None:
        backend = _backend(config, run.implementation)
        run.session = Session(run.implementation, backend, curriculum.scratch(), keeps=case.folder())
    return run.session


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("gpu")
    if marker is None or machine.gpus():
        return
    if not item.config.option.gpu_on_cpu:
        pytest.skip("needs a GPU, and this machine has none (--gpu-on-cpu runs it all the same)")
    if marker.kwargs.get("speed"):
        pytest.skip("compares speeds on a GPU, and this machine has none")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    owner = curriculum.kata_of(pyfuncitem.nodeid)
    if owner is None:
        return None
    run = pyfuncitem.config.stash[_run]
    session = _session(pyfuncitem.config)
    kata = next(kata for kata in curriculum.katas() if (kata.chapter, kata.name) == owner)
    session.error = None
    report = judging.untouched(kata, session) or laws.judge(
        _law(pyfuncitem, kata), session, kata.key, limit=pyfuncitem.config.option.law_limit
    )
    pyfuncitem.stash[_report] = report
    if report.outcome in verdict.DIAGNOSABLE:
        run.failing.setdefault(owner, []).append(tuple(session.asked))
    if pyfuncitem is run.last_laws.get(owner) and owner in run.failing and pyfuncitem.config.option.diagnose:
        run.catalogue = run.catalogue or _catalogue(pyfuncitem.config)
        found = diagnose(kata, session, run.catalogue, run.failing[owner])
        if found is not None:
            pyfuncitem.stash[_diagnosis] = found
    if report.outcome is not Outcome.SOLVED:
        if pyfuncitem.config.option.tbstyle == "auto":
            pytest.fail(as_text(report.message), pytrace=False)
        raise LawFailed(as_text(report.message)) from session.error
    return True


def _law(item: pytest.Function, kata: Kata) -> Law:
    """The law that `item` stands for: its own method, or one that every kata has."""
    if not curriculum.law_of(item.nodeid).startswith(f"{curriculum.EVERY_KATA}::"):
        return item.obj  # type: ignore[no-any-return]
    return next(law for law in laws.laws_of(kata) if law_name(law) == item.originalname)


class LawFailed(Exception):
    """A law does not hold; the text is what a learner reads."""


# What is reported


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    judged = item.stash.get(_report, None)
    if report.when == "call" and judged is not None:
        first = item.config.stash[_run].first_failures
        owner = curriculum.kata_of(item.nodeid)
        if judged.outcome is not Outcome.SOLVED:
            first.setdefault(owner, item.nodeid)
        # Only a kata's first failure is shown in full: the others mostly say the same again.
        shown = item.config.option.verbose > 0 or first.get(owner) == item.nodeid
        report.kata = {**msgspec.to_builtins(judged), "shown": shown}  # type: ignore[attr-defined]
        if _diagnosis in item.stash:
            found = item.stash[_diagnosis]
            report.kata["diagnosis"] = [found.sentence, found.next_step]
        if judged.outcome is not Outcome.SOLVED and item.config.option.tbstyle == "auto":
            report.longrepr = as_text(judged.message)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    judged = getattr(report, "kata", None)
    if not judged or report.when != "call" or not report.failed:
        return None
    if judged["outcome"] == Outcome.TODO:
        return "todo", "t", "TODO"
    return ("failed" if judged["shown"] else "failed again"), "F", judged["outcome"].upper()


class Recorder:
    """Gathers the reports where they all arrive: in the only process, or in xdist's controller."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.first: dict[tuple[str, str] | None, pytest.TestReport] = {}

    def _diagnosed(self, owner: tuple[str, str], sentence: str, next_step: str) -> None:
        """A kata's laws are all done, and its mistake has a name: it belongs into the failure that is shown."""
        self.run.diagnoses[owner] = sentence
        shown = self.first.get(owner)
        message = self.run.reports[shown.nodeid].message if shown is not None else None
        if shown is not None and message is not None and isinstance(shown.longrepr, str):
            shown.longrepr = as_text(message.with_mistake(sentence, next_step))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        judged = getattr(report, "kata", None)
        if judged:
            fields = {name: judged[name] for name in ("outcome", "cause", "message")}
            self.run.reports[report.nodeid] = msgspec.convert(fields, LawReport)
            owner = curriculum.kata_of(report.nodeid)
            if report.failed and judged["shown"]:
                self.first.setdefault(owner, report)
            if owner is not None and "diagnosis" in judged:
                self._diagnosed(owner, *judged["diagnosis"])
        elif report.failed or report.skipped:
            # No law of ours came to its end: a worker of xdist died under it, or its set-up failed.
            outcome = Outcome.CRASHED if report.failed else Outcome.INFRASTRUCTURE
            cause = "the process that ran it died" if report.failed else "skipped"
            self.run.reports.setdefault(report.nodeid, LawReport(outcome=outcome, cause=cause))


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        config = session.config
        config.pluginmanager.register(Recorder(config.stash[_run]), "kata-recorder")
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if _is_whole(config) and reporter is not None and config.option.verbose == 0:
            config.pluginmanager.register(Progress(reporter), "kata-progress")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash[_run]
    if run.session is not None:
        run.session.backend.close()
    if run.catalogue is not None:
        run.catalogue.close()
    if run.worker is not None:
        run.worker.close()
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        run.absent = verdict.INTERRUPTED
    elif session.shouldfail or session.shouldstop:
        run.absent = verdict.STOPPED
    _write_verdicts(session.config)
    run.remember()
    outcomes = {
        found.outcome
        for katas in run.verdicts().values()
        for found in katas.values()
        if run.absent is verdict.NOT_JUDGED or found.cause != run.absent.cause
    }
    if Outcome.INFRASTRUCTURE in outcomes and exitstatus in (0, 1):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
    elif outcomes - {Outcome.SOLVED} and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write_verdicts(config: pytest.Config) -> None:
    path: Path | None = config.option.verdicts
    if path is None or config.option.collectonly:
        return
    try:
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(verdict.as_json(config.stash[_run].verdicts()))
        beside.replace(path)
    except OSError as error:
        raise pytest.UsageError(f"--verdicts {path}: {error.strerror}; give a file in a folder that exists") from None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash[_run]
    found = run.verdicts()
    if not found or config.option.collectonly:
        return
    unreached = run.unreached() if run.absent is not verdict.NOT_JUDGED else set()
    found = {
        chapter: left
        for chapter, katas in found.items()
        if (left := {name: judged for name, judged in katas.items() if (chapter, name) not in unreached})
    }
    terminalreporter.section("katas")
    if unreached:
        why = "interrupted" if run.absent is verdict.INTERRUPTED else "stopped"
        terminalreporter.write_line(f"{why}, {len(unreached)} not judged")
    for line in summary.lines(found, run.implementation):
        terminalreporter.write_line(line)
