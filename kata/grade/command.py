"""`kata grade` and `kata release`: what an instructor types. What they do lives in the other modules of this room."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

# The rest is imported when it is needed: the command line starts for learners, too.

INTERRUPTED = 130
"""Exit status: the run was stopped, and may go on."""
_EXPORTS = "canvas, classroom50, exercism, gradescope, junit, moodle"

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


def grade(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(help="a folder with one entry a student: a folder, a checkout, a .zip or .tar.gz"),
    ] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="where ledger, sheets and reports go")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**64 - 1, help="of the questions; drawn when left out")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="submissions side by side  [default: cores]")] = None,
    kata: Annotated[str, typer.Option(metavar="NAME[,NAME]", help="only these katas or chapters")] = "",
    sandbox: Annotated[str, typer.Option(help="bwrap, or none where it cannot run")] = "bwrap",
    export: Annotated[str, typer.Option(metavar="NAME[,NAME]", help=_EXPORTS)] = "",
    roster_file: Annotated[Path | None, typer.Option("--roster", help="CSV: id, name, e-mail, ids of an LMS")] = None,
    points_file: Annotated[Path | None, typer.Option("--points", help="TOML with [tool.kata.grade]")] = None,
    hide_examples: Annotated[bool, typer.Option(help="no inputs in what students read")] = False,
    regrade: Annotated[bool, typer.Option(help="judge again what has not changed")] = False,
    remark: Annotated[bool, typer.Option(help="mark the kept answers again; runs no submission")] = False,
    shard: Annotated[str, typer.Option(metavar="K/N", help="only each N-th submission, from the K-th on")] = "",
    merge: Annotated[bool, typer.Option(help="put the runs of shards (their --out folders) together")] = False,
    call_limit: Annotated[float, typer.Option(min=0.5, help="seconds of the processor for one call")] = 30.0,
) -> None:
    """Grade a class: the same questions for everybody, each submission behind walls, every verdict with its evidence.

    Exit status: 0 everything was graded, whatever the grades; 2 wrong usage; 3 something could not be judged for the
    machine's fault; 130 interrupted: the same command goes on.
    """
    from kata.grade.conduct import conduct
    from kata.judge.exam import NoExam

    try:
        status = conduct(
            submissions or [], folder, seed=seed, jobs=jobs, kata=kata, sandbox=sandbox, export=export,
            roster_file=roster_file, points_file=points_file, hide_examples=hide_examples, regrade=regrade,
            remark=remark, shard=shard, merge=merge, call_limit=call_limit,
        )  # fmt: skip
    except (ValueError, NoExam) as error:
        err.print(str(error), style="red", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        err.print("interrupted: what is graded is kept, and the same command goes on", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(status)


def release_edition(folder: Annotated[Path, typer.Argument(help="a folder that is not there yet")]) -> None:
    """Write the student edition: this clone without its solutions, and the proof that none is left in it."""
    from kata.grade import release
    from kata.judge import profiles
    from kata.judge.catalogue import kept_files
    from kata.judge.exam import NoExam
    from kata.learn.plot.gather import Undrawable, expected_files
    from kata.waist.isolated import Worker

    profiles.load("learner")
    try:
        with contextlib.closing(Worker()) as worker:
            err.print("asking the reference for what pictures and diagnoses need …", soft_wrap=True)
            written = release.release(folder, more={**expected_files(worker), **kept_files(worker)})
    except (ValueError, NoExam, Undrawable) as error:
        err.print(str(error), style="red", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None
    out.print(f"{written.files} files in {written.folder}; no solution is left in them.")
    for name in written.untracked[:10]:
        out.print(f"  not in git, and so not in it: {name}", markup=False)
