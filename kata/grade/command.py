"""`kata grade` and `kata release`: what an instructor types. What they do lives in the other modules of this room."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

# The rest is imported when it is needed: the command line starts for learners, too.

INTERRUPTED = 130
"""Exit status: the run was stopped, and may go on."""
_EXPORTS = "canvas, classroom50, exercism, gradescope, junit, moodle"

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def grade(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SUBMISSIONS",
            help="a folder with one entry a student: a folder, a checkout, a .zip or .tar.gz; with --merge the folders "
            "of the shards",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="where ledger, sheets and reports go")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="of the questions; drawn when left out")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="submissions side by side; as many as cores when left out"),
    ] = None,
    kata: Annotated[str, typer.Option(metavar="NAME,…", help="only these katas or chapters")] = "",
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="bwrap, or none where it cannot run")] = "bwrap",
    export: Annotated[str, typer.Option(metavar="NAME,…", help=_EXPORTS)] = "",
    roster_file: Annotated[
        Path | None, typer.Option("--roster", metavar="FILE", help="CSV: id, name, e-mail, ids of an LMS")
    ] = None,
    points_file: Annotated[
        Path | None,
        typer.Option("--points", metavar="FILE", help="TOML with [tool.kata.grade]; pyproject.toml when left out"),
    ] = None,
    hide_examples: Annotated[bool, typer.Option("--hide-examples", help="no inputs in what students read")] = False,
    regrade: Annotated[bool, typer.Option("--regrade", help="judge again what has not changed")] = False,
    remark: Annotated[
        bool, typer.Option("--remark", help="mark the kept answers again by today's laws; runs no submission")
    ] = False,
    shard: Annotated[
        str, typer.Option(metavar="K/N", help="only each N-th submission, from the K-th on; needs --seed")
    ] = "",
    merge: Annotated[bool, typer.Option("--merge", help="put the runs of shards together")] = False,
    cluster: Annotated[
        str,
        typer.Option(metavar="WHERE", help="let submissions answer on a Dask cluster: tls://host:8786, or local:N"),
    ] = "",
    call_limit: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.5, help="of the processor, for one call")
    ] = 30.0,
) -> None:
    """Grade a class: the same questions for everybody, each submission behind walls, every verdict with its evidence.

    Exit status: 0 everything was graded, whatever the grades; 2 wrong usage; 3 something could not be judged for the
    machine's fault; 130 interrupted: the same command goes on.
    """
    from kata.grade.cluster import ClusterLost
    from kata.grade.conduct import INFRASTRUCTURE, conduct
    from kata.judge.exam import NoExam

    try:
        status = conduct(
            submissions or [], folder, seed=seed, jobs=jobs, kata=kata, sandbox=sandbox, export=export,
            roster_file=roster_file, points_file=points_file, hide_examples=hide_examples, regrade=regrade,
            remark=remark, shard=shard, merge=merge, call_limit=call_limit, at=cluster,
        )  # fmt: skip
    except (ValueError, NoExam) as error:
        err.print(f"[red]kata:[/red] {escape(str(error))}")
        raise typer.Exit(2) from None
    except ClusterLost as error:
        err.print(f"[red]kata:[/red] {escape(str(error))}")
        raise typer.Exit(INFRASTRUCTURE) from None
    except KeyboardInterrupt:
        err.print("interrupted: what is graded is kept, and the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(status)


def release_edition(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="a folder that is not there yet")],
) -> None:
    """Write the student edition: this clone without its solutions, and the proof that none is left in it."""
    from kata.course import curriculum
    from kata.grade import release
    from kata.judge import profiles
    from kata.judge.catalogue import kept_files
    from kata.judge.exam import NoExam
    from kata.learn.countdown import countdown
    from kata.learn.plot.gather import Undrawable, expected_files
    from kata.learn.plot.pictures import PICTURES
    from kata.waist.isolated import Worker

    profiles.load("learner")
    try:
        release.refuse(folder)
        err.print("asking the reference for what pictures and diagnoses need …")
        total = len(PICTURES) + len(curriculum.katas())
        with contextlib.closing(Worker()) as worker, countdown(total, err) as told:
            more = {**expected_files(worker, told), **kept_files(worker, told)}
        err.print("writing the edition, and looking for solutions in it …")
        written = release.release(folder, more=more)
    except (ValueError, NoExam, Undrawable) as error:
        err.print(f"[red]kata:[/red] {escape(str(error))}")
        raise typer.Exit(2) from None
    out.print(f"{written.files} files in {written.folder}; no solution is left in them.")
    for name in written.untracked[:10]:
        out.print(f"  not in git, and so not in it: {name}", markup=False)
