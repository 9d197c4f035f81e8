"""What `kata grade` does with its options: takes in, grades or marks again, writes the reports, says how it ended."""

import secrets
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.grade import cluster, exporters, outputs, papers, points, roster, run
from kata.grade.display import Display
from kata.grade.intake import take_in
from kata.grade.ledger import FILE, Ledger
from kata.grade.results import ClassResults
from kata.grade.roster import Roster
from kata.grade.run import Settings
from kata.grade.submission import Submission
from kata.judge import profiles
from kata.waist import machine, walls
from kata.waist.implementation import EDITION
from kata.waist.isolated import Limits
from kata.waist.verdict import Outcome

SEEDS = 2**64
INFRASTRUCTURE = 3
"""Exit status: something could not be judged for the machine's fault."""

# On a terminal lines end between words; in a pipe they are left whole, for whoever reads them there.
out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def conduct(
    places: list[Path],
    folder: Path | None,
    *,
    seed: int | None,
    jobs: int | None,
    kata: str,
    sandbox: str,
    export: str,
    roster_file: Path | None,
    points_file: Path | None,
    hide_examples: bool,
    regrade: bool,
    remark: bool,
    shard: str,
    merge: bool,
    call_limit: float,
    at: str = "",
) -> int:
    """Do what the options of `kata grade` ask for; the exit status.

    Raises:
        ValueError: wrong usage, or what a person can mend; the text says how.
        NoExam: the reference does not hold a law.
        ClusterLost: the cluster is gone.
    """
    if EDITION:
        raise ValueError("a student edition has no solutions, which an exam is drawn from; grade in the course")
    _refuse_at_odds(places, folder, seed=seed, kata=kata, regrade=regrade, remark=remark, shard=shard, merge=merge)
    if at:
        cluster.check(at)
        if remark or merge:
            raise ValueError(f"{'--remark' if remark else '--merge'} runs no submission; leave --cluster out")
    with ExitStack() as open_ones:
        return _grade(
            places, _folder(folder, places), open_ones, seed=seed, jobs=jobs or machine.cores(), katas=_katas(kata),
            sandbox=sandbox, exports=exporters.find(export), roster_file=roster_file, points_file=points_file,
            hide_examples=hide_examples, regrade=regrade, remark=remark, shard=_shard(shard), merge=merge,
            call_limit=call_limit, at=at,
        )  # fmt: skip


def _grade(
    places: list[Path],
    folder: Path,
    open_ones: ExitStack,
    *,
    seed: int | None,
    jobs: int,
    katas: tuple[Kata, ...],
    sandbox: str,
    exports: list[str],
    roster_file: Path | None,
    points_file: Path | None,
    hide_examples: bool,
    regrade: bool,
    remark: bool,
    shard: tuple[int, int] | None,
    merge: bool,
    call_limit: float,
    at: str,
) -> int:
    walled = _walled(sandbox, needed=not (remark or merge))
    worth = points.read_points(points_file)
    students = roster.read_roster(roster_file) if roster_file else None
    handed_in = _handed_in(places, katas, students, roster_file, shard) if not (remark or merge) else []
    profiles.load("grade")
    ledger = open_ones.enter_context(Ledger.open(folder))
    if merge:
        ledger.merge(places)
        papers.gather(places, folder)
    before = ledger.run
    if seed is None:
        seed = before.seed if before else secrets.randbelow(2**32)
    if remark:
        katas = _still_there(katas, ledger)
    settings = Settings(seed, katas, walled, jobs, Limits(call=call_limit, law=3 * call_limit), at)
    untold: list[str] = []
    with Display(err) as told:
        if remark:
            untold = run.remark(settings, ledger, told=told)
        elif not merge:
            run.grade(handed_in, settings, ledger, regrade=regrade, told=told, noted=_note)
    found, times = run.results(ledger)
    written = outputs.write(found, times, folder, worth, roster=students, exports=exports, hide_examples=hide_examples)
    unjudged = _say(found, handed_in, untold, written, exports)
    return INFRASTRUCTURE if unjudged else 0


def _still_there(katas: tuple[Kata, ...], ledger: Ledger) -> tuple[Kata, ...]:
    """Those of the katas that the ledger's run is about."""
    names = run.katas_in(ledger)
    found = tuple(kata for kata in katas if kata.name in names)
    if not found:
        raise ValueError(f"{ledger.folder} holds no verdict on these katas; leave --kata out for all that it holds")
    return found


def _refuse_at_odds(
    places: list[Path], folder: Path | None, *, seed: int | None, kata: str, regrade: bool, remark: bool, shard: str,
    merge: bool,
) -> None:  # fmt: skip
    """Refuse options that contradict each other, before anything is made.

    Raises:
        ValueError: they do; the text says which to leave out.
    """
    given = [name for name, is_given in (("--remark", remark), ("--merge", merge), ("--regrade", regrade)) if is_given]
    if len(given) > 1:
        raise ValueError(f"{given[0]} and {given[1]} are two things to do; give one of them")
    if (remark or merge) and shard:
        raise ValueError(f"{given[0]} is about a whole class; leave --shard out")
    if remark and places:
        raise ValueError("--remark marks the answers that are kept, and takes nothing in; leave the folder out")
    if remark and folder is not None and not (folder / FILE).exists():
        raise ValueError(f"{folder} holds no run; grade there first")
    if merge and not places:
        raise ValueError("--merge puts shards together: name their --out folders")
    if merge and kata:
        raise ValueError("--merge takes the katas that the shards were about; leave --kata out")
    if shard and seed is None:
        raise ValueError("--shard needs --seed: all shards must ask the same questions")
    if seed is not None and not 0 <= seed < SEEDS:
        raise ValueError(f"--seed {seed}: give a whole number from 0 to 2^64 - 1")


def _folder(folder: Path | None, places: list[Path]) -> Path:
    if folder is None:
        raise ValueError("--out is missing: name the folder for the ledger and the reports")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is no folder; name one, which need not be there yet")
    for place in places:
        if folder.resolve().is_relative_to(place.resolve()):
            raise ValueError(
                f"--out {folder} lies in {place}, where it would be taken for a student's; name another folder"
            )
    return folder


def _katas(names: str) -> tuple[Kata, ...]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found = {kata.name for name in wanted for kata in curriculum.find(name)}
    return tuple(kata for kata in curriculum.katas() if not wanted or kata.name in found)


def _shard(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    which, _, of = text.partition("/")
    if not (which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of)):
        raise ValueError(f"--shard {text}: give K/N with K from 1 to N, such as 2/4")
    return int(which), int(of)


def _walled(sandbox: str, *, needed: bool) -> bool:
    if sandbox not in ("bwrap", "none"):
        raise ValueError(f"--sandbox {sandbox}: choose bwrap or none")
    if sandbox == "bwrap" and needed and (reason := walls.missing()):
        raise ValueError(
            f"no sandbox: {reason}. Without one a submission can read your files; --sandbox none grades all the same, "
            "and the report says so"
        )
    return sandbox == "bwrap"


def _handed_in(
    places: list[Path],
    katas: tuple[Kata, ...],
    students: Roster | None,
    roster_file: Path | None,
    shard: tuple[int, int] | None,
) -> list[Submission]:
    if len(places) != 1:
        raise ValueError("name one folder with an entry for each student")
    found = take_in(places[0], besides=[roster_file] if roster_file else [], graded={kata.chapter for kata in katas})
    if students is not None:
        for sentence in roster.differences(students, [one.student for one in found]):
            err.print(sentence, markup=False)
        found = roster.complete(students, found)
    if shard is not None:
        found = found[shard[0] - 1 :: shard[1]]
    return found


def _say(
    found: ClassResults, handed_in: Sequence[Submission], untold: Sequence[str], written: list[Path], exports: list[str]
) -> int:
    """The end of a run in a few lines; how many katas could not be judged."""
    graded = found.submissions
    katas = sum(len(chapter) for one in graded.values() for chapter in one.katas.values())
    solved = sum(one.solved for one in graded.values())
    unjudged = [
        f"{student}: {kata}: {one.cause}"
        for student, each in graded.items()
        for chapter in each.katas.values()
        for kata, one in chapter.items()
        if one.outcome is Outcome.INFRASTRUCTURE
    ]
    out.print(f"{_count(len(graded), 'submission')}, {solved} of {_count(katas, 'kata')} solved (seed {found.seed})")
    if found.sandbox == "none":
        out.print("No sandbox was in force: a submission could have read this machine's files.")
    for title, lines in (
        ("of which nothing could be taken", [one.refused for one in handed_in if one.refused]),
        ("not told by the kept answers; grade the class again into this folder, which asks for just these", untold),
        ("not judged, for the machine's fault; the same command tries again", [] if untold else unjudged),
    ):
        if lines:
            out.print(f"{len(lines)} {title}:")
            for line in lines[:10]:
                out.print(f"  {line}", markup=False)
            if len(lines) > 10:
                out.print(f"  and {len(lines) - 10} more, in the report")
    if graded:
        places = [f"grades are in {written[1].name}", f"what students read in {written[3].name}/"]
        places += [f"the exports in {written[4].name}/"] * bool(exports)
        out.print(f"Open {written[0]}; {', '.join(places)}.", markup=False)
        old = sorted(path.name for path in written[4].glob("*") if path.name not in exports)
        if old:
            out.print(f"Of an earlier run: {written[4].name}/ {', '.join(old)}. --export {','.join(old)} writes anew.")
    return len(unjudged)


def _note(sentence: str) -> None:
    err.print(sentence, markup=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
