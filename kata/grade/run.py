"""A grading run: which submissions are still to be judged, by whom, and into the ledger with what was found."""

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from kata.course.curriculum import Kata
from kata.grade import cluster, grader, papers
from kata.grade.grader import Grader
from kata.grade.ledger import Ledger, LedgerError, Run
from kata.grade.papers import Papers
from kata.grade.pool import Lost, spread
from kata.grade.results import ClassResults, Graded, Katas, Times
from kata.grade.submission import Submission
from kata.judge import exam_file, sheet_file
from kata.judge.catalogue import Catalogue
from kata.judge.exam import KataExam
from kata.waist.implementation import implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.verdict import Outcome

LIMITS = Limits()
NO_SHEET = "its answers were not kept; `kata grade --regrade` asks for them again"
PaperOf = Callable[[Kata, str], KataExam | None]
"""Finds the paper of that digest."""
Told = Callable[[str, int, int], None]
"""Told of each step: what it is about, how many are done, and of how many."""
Noted = Callable[[str], None]
"""Told what an instructor should read, a sentence."""


@dataclass(frozen=True)
class Settings:
    """How a class is graded."""

    seed: int
    katas: tuple[Kata, ...]
    walled: bool
    jobs: int = 1
    limits: Limits = LIMITS
    cluster: str = ""
    """Where submissions answer, if not here: a scheduler's address, or local:N."""

    @property
    def sandbox(self) -> str:
        """The level that is in force."""
        return "bwrap" if self.walled else "none"

    @property
    def versions(self) -> dict[str, str]:
        """Of all that could change a verdict."""
        found = {
            name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy", "hypothesis", "kata")
        }
        return {"python": platform.python_version(), **found}

    def run(self) -> Run:
        """What the verdicts depend on."""
        environment = msgspec.json.encode([self.versions, self.sandbox, msgspec.to_builtins(self.limits)])
        return Run(
            seed=self.seed,
            exam=papers.digest_of(self.katas, self.seed),
            environment=hashlib.sha256(environment).hexdigest()[:20],
            versions=self.versions,
            sandbox=self.sandbox,
        )


def grade(
    submissions: Sequence[Submission],
    settings: Settings,
    ledger: Ledger,
    *,
    regrade: bool = False,
    told: Told = lambda what, done, of: None,
    noted: Noted = lambda sentence: None,
) -> None:
    """Judge every submission that is not judged yet, and put each into the ledger when it is.

    Raises:
        NoExam: the reference does not hold a law.
        LedgerError: the ledger cannot be written to.
        ClusterLost: the cluster is gone.
    """
    run = settings.run()
    ledger.begin(run, {one.student: one.digest for one in submissions})
    if regrade:
        ledger.forget(run.exam, run.environment, [one.student for one in submissions])
    known = ledger.graded(run.exam, run.environment)
    for one in submissions:
        if one.student in known and known[one.student][0].notes != one.notes:  # the same files, handed in otherwise
            before, seconds = known[one.student]
            renoted = Graded(katas=before.katas, notes=one.notes)
            ledger.put(one.student, one.digest, run.exam, run.environment, renoted, seconds)
    # What holds no file costs nothing, and whether it was refused, or why, is not in its digest.
    left = [
        one
        for one in submissions
        if not one.files or not ledger.settled(one.student, one.digest, run.exam, run.environment)
    ]
    done = len(submissions) - len(left)

    def put(one: Submission, katas: Katas, seconds: float, evidence: bytes | None) -> None:
        nonlocal done
        found = Graded(katas=katas, notes=one.notes)
        ledger.put(one.student, one.digest, run.exam, run.environment, found, seconds, evidence)
        done += 1
        if is_drawn:
            told("graded", done, len(submissions))

    is_drawn = False
    by_content: dict[str, list[Submission]] = {}
    for one in left:
        if not one.files:
            outcome = Outcome.BROKEN if one.refused else Outcome.MISSING
            cause = one.refused or "nothing was handed in"
            put(one, grader.refused(list(settings.katas), outcome, cause), 0.0, b"")
        else:
            by_content.setdefault(one.digest, []).append(one)
    if not by_content:
        told("graded", done, len(submissions))
        return
    exam = exam_of(settings, told)
    is_drawn = True
    told("graded", done, len(submissions))
    papers.keep(exam, ledger.folder)
    texts = {digest: same[0].files for digest, same in by_content.items()}
    judge = Grader(exam, settings.limits, walled=settings.walled)
    if settings.cluster:
        answered = cluster.spread(settings.cluster, texts, exam, settings, ledger.let_go, noted)
    else:
        answered = spread(texts, lambda d: judge.grade(texts[d]), settings.jobs, ledger.let_go)
    for digest, found in answered:
        for i, one in enumerate(by_content[digest]):
            if isinstance(found, Lost):
                put(one, grader.refused(list(settings.katas), Outcome.INFRASTRUCTURE, found.cause), 0.0, b"")
            else:
                put(one, found.katas, found.seconds, found.evidence if i == 0 else None)


def exam_of(settings: Settings, told: Told = lambda what, done, of: None) -> Papers:
    """The exam of the run, its katas drawn side by side where they are not kept.

    Raises:
        NoExam: the reference does not hold a law.
    """
    katas = {kata.name: kata for kata in settings.katas}
    worker: list[Worker] = []

    def draw(name: str) -> bytes:
        if not worker:
            worker.append(Worker(walled=False))
        backend = Isolated(implementation_at("solutions"), Limits(), worker[0])
        try:
            return exam_file.as_bytes(exam_file.exam_for(katas[name], settings.seed, lambda: backend))
        finally:
            backend.close()

    exams: dict[str, KataExam] = {}
    missing = []
    for name, kata in katas.items():
        kept = exam_file.kept_exam(kata, settings.seed)
        if kept is None:
            missing.append(name)
        else:
            exams[name] = kept
    for name, data in spread(missing, draw, settings.jobs):
        if isinstance(data, Lost):
            raise RuntimeError(f"the process that draws the exam of {name} was gone three times")
        exams[name] = exam_file.from_bytes(data, katas[name])
        told("drawn", len(exams), len(katas))
    return Papers(
        settings.seed, {name: exams[name] for name in katas}, papers.digests_of(settings.katas, settings.seed)
    )


def remark(settings: Settings, ledger: Ledger, *, told: Told = lambda what, done, of: None) -> list[str]:
    """Mark every sheet again by the laws as they are now; no line of a submission is run.

    Where and how the answers were given stays what it was, the sandbox with it: the new verdicts stand beside the old
    ones under the same environment. Interrupted, it leaves the old ones in force.

    Returns what could not be told from the sheets, a sentence each.

    Raises:
        NoExam: the reference does not hold a law.
        LedgerError: the ledger cannot be read or written to, or holds no run.
    """
    before, roll = ledger.run, ledger.roll
    if before is None:
        raise LedgerError(f"{ledger.folder} holds no run; grade there first")
    run = msgspec.structs.replace(before, exam=settings.run().exam)
    exam = exam_of(settings, told)
    untold: list[str] = []
    worker = Worker(walled=False)
    catalogue = Catalogue.on(worker)
    try:
        verdicts = ledger.graded(before.exam, before.environment)
        sat = functools.cache(lambda kata, digest: papers.kept(kata, digest, ledger.folder))  # one for a whole class
        papers.keep(exam, ledger.folder)
        for number, (student, (graded, seconds)) in enumerate(verdicts.items(), 1):
            data = ledger.sheet(roll[student], before.exam, before.environment)
            if data:
                katas, data = _marked(data, exam, settings.katas, sat, catalogue)
            else:  # nothing was handed in, or nothing could be taken
                katas = _only(graded.katas, settings.katas)
            untold += [
                f"{student}: {name}: {one.cause}"
                for chapter in katas.values()
                for name, one in chapter.items()
                if one.outcome is Outcome.INFRASTRUCTURE
            ]
            found = Graded(katas=katas, notes=graded.notes)
            ledger.put(student, roll[student], run.exam, run.environment, found, seconds, data or b"")
            told("marked", number, len(verdicts))
        ledger.begin(run, roll)
    finally:
        catalogue.close()
        worker.close()
    return untold


def _marked(
    data: bytes, exam: Papers, wanted: Sequence[Kata], paper_of: PaperOf, catalogue: Catalogue
) -> tuple[Katas, bytes]:
    """A sheet marked by another exam: the results, and the sheet as an answer to that exam."""
    sat = _papers_of(data, wanted, paper_of)
    kept = sheet_file.from_bytes(data, sat)
    sheets = {
        name: sheet_file.transferred(kept.sheets[name], sat[name], paper, exam.digests[name])
        for name, paper in exam.exams.items()
        if name in kept.sheets and name in sat
    }
    marked = grader.mark_again(exam, kept, sheets, catalogue)
    without = [kata for kata in wanted if kata.name not in sheets]
    for chapter, katas in grader.refused(without, Outcome.INFRASTRUCTURE, NO_SHEET).items():
        marked.setdefault(chapter, {}).update(katas)
    return _only(marked, wanted), sheet_file.as_bytes(sheet_file.Evidence(kept.files, sheets), exam.exams)


def _only(found: Katas, wanted: Sequence[Kata]) -> Katas:
    """The results of these katas, in their order."""
    kept: Katas = {}
    for kata in wanted:
        if kata.name in found.get(kata.chapter, {}):
            kept.setdefault(kata.chapter, {})[kata.name] = found[kata.chapter][kata.name]
    return kept


def _papers_of(data: bytes, katas: Sequence[Kata], paper_of: PaperOf) -> dict[str, KataExam]:
    """The papers that a sheet answers, as far as they are kept."""
    found = {}
    for name, digest in sheet_file.exams_of(data).items():
        kata = next((kata for kata in katas if kata.name == name), None)
        paper = paper_of(kata, digest) if kata else None
        if paper is not None:
            found[name] = paper
    return found


def katas_in(ledger: Ledger) -> set[str]:
    """The names of the katas that the ledger's run is about."""
    run = ledger.run
    verdicts = ledger.graded(run.exam, run.environment).values() if run else ()
    return {name for graded, _ in verdicts for katas in graded.katas.values() for name in katas}


def results(ledger: Ledger) -> tuple[ClassResults, Times]:
    """What the ledger holds of its run, and how long it took.

    Raises:
        LedgerError: it holds no run, or is damaged.
    """
    run = ledger.run
    if run is None:
        raise LedgerError(f"{ledger.folder} holds no run; grade there first")
    graded = ledger.graded(run.exam, run.environment)
    found = ClassResults(
        seed=run.seed,
        exam=run.exam,
        versions=run.versions,
        sandbox=run.sandbox,
        submissions={student: one for student, (one, _) in graded.items()},
    )
    seconds = {student: seconds for student, (_, seconds) in graded.items()}
    return found, Times(submissions=seconds, total=sum(seconds.values()))
