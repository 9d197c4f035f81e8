"""The `kata` command. Each subcommand is a function that a test can call; what it does lives in its own module.

Exit status: 0 when everything asked for is solved (or done); 1 when something is not; 2 for wrong usage;
3 when the machine's fault kept a kata from being judged.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax

from kata.course import curriculum, progress
from kata.course import reset as resetting
from kata.course.curriculum import Kata
from kata.learn import doctor, summary
from kata.learn.reading import show_lesson
from kata.learn.render import show_lines, show_message
from kata.waist.implementation import ROOT, Implementation, implementation_at
from kata.waist.verdict import Outcome, exit_status

app = typer.Typer(
    help="Katas for TensorFlow training and optimization. `kata` alone checks your exercises and says what is next.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[KATA|CHAPTER]...", help="which; all when left out")]
OneKata = Annotated[str, typer.Argument(metavar="KATA")]
Impl = Annotated[str, typer.Option("--impl", metavar="FOLDER", help="exercises, solutions or any folder of chapters")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")]


class Refused(Exception):
    """Wrong usage: the text says what to do instead."""


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Turn wrong usage into one line on stderr and exit status 2."""
    try:
        yield
    except (Refused, ValueError) as error:
        err.print(f"[red]kata:[/red] {escape(str(error))}")
        raise typer.Exit(2) from None


def _find(names: list[str] | None) -> list[Kata]:
    chosen = [kata for name in names for kata in curriculum.find(name)] if names else list(curriculum.katas())
    return list(dict.fromkeys(chosen))


def _one(name: str) -> Kata:
    found = curriculum.find(name)
    if found[0].name != name:
        raise Refused(f"{name} is a chapter; name one of its katas: {', '.join(kata.name for kata in found)}")
    return found[0]


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Check the exercises and say what is next."""
    if context.invoked_subcommand is None:
        check(None)


@app.command()
def check(
    names: Names = None,
    impl: Impl = "exercises",
    as_json: AsJson = False,
    diagnose: Annotated[bool, typer.Option(help="name the misconception behind a failure")] = True,
) -> None:
    """Judge katas from outside, each in a process of its own; show the first failure, the progress, the next step."""
    with _refusals():
        katas, implementation = _find(names), implementation_at(impl)
    from kata.judge.judging import check as judge_all

    verdicts: summary.Verdicts = {}
    failures: list[str] = []
    with _progress(len(katas), as_json) as step:
        for judged in judge_all(katas, implementation, diagnose=diagnose):
            verdicts.setdefault(judged.kata.chapter, {})[judged.kata.name] = judged.verdict
            if judged.first_failure and judged.verdict.outcome is not Outcome.TODO:
                failures.append(judged.first_failure.message)
            step(judged.kata.name)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(verdicts)).decode())
    else:
        _show_result(verdicts, failures, implementation)
    every = [verdict for found in verdicts.values() for verdict in found.values()]
    if impl == "exercises":
        progress.note_solved([n for f in verdicts.values() for n, v in f.items() if v.outcome is Outcome.SOLVED])
    raise typer.Exit(exit_status(every))


@contextlib.contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """On a terminal a line that says which kata is being judged; elsewhere nothing."""
    if quiet or not out.is_terminal:
        yield lambda name: None
        return
    with out.status("starting TensorFlow …") as status:
        yield lambda name: status.update(f"{name} …")


def _show_result(verdicts: summary.Verdicts, failures: list[str], implementation: Implementation) -> None:
    for message in failures[:3]:
        show_message(message, out)
        out.print()
    if len(failures) > 3:
        out.print(f"… and {len(failures) - 3} more that fail; `kata check NAME` shows one.\n")
    show_lines(summary.lines(verdicts, implementation), out)


@app.command("list")
def list_katas(names: Names = None, as_json: AsJson = False) -> None:
    """All katas with their state, difficulty and minutes. The state is read from the files and the last check."""
    with _refusals():
        katas = _find(names)
    solved = progress.load().solved
    rows = []
    for kata in katas:
        path = ROOT / "exercises" / f"{kata.chapter}.py"
        state = "todo" if curriculum.is_untouched(path, kata) else "solved" if kata.name in solved else "begun"
        place = f"exercises/{path.name}:{curriculum.line_of(path, kata.name) or 1}"
        rows.append({
            "chapter": kata.chapter, "kata": kata.name, "state": state, "kind": kata.kind,
            "difficulty": kata.difficulty, "minutes": kata.minutes, "place": place, "goal": kata.goal,
        })  # fmt: skip
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    chapter = ""
    for row in rows:
        if row["chapter"] != chapter:
            chapter = str(row["chapter"])
            title = next(c.title for c in curriculum.chapters() if c.name == chapter)
            out.print(f"\n[bold]{chapter}[/bold]  {escape(title)}")
        mark = {"todo": "[dim]·[/dim]", "begun": "[yellow]~[/yellow]", "solved": "[green]✓[/green]"}[str(row["state"])]
        stars = "★" * int(str(row["difficulty"])) + "☆" * (3 - int(str(row["difficulty"])))
        out.print(f"  {mark} {row['kata']:<44} {stars}  {row['minutes']:>3} min  {row['kind']:<7}  {row['place']}")
    out.print(
        f"\n· not begun   ~ begun   ✓ solved when last checked      {sum(k.minutes for k in katas)} minutes in all"
    )


@app.command()
def watch(names: Names = None, impl: Impl = "exercises") -> None:
    """Judge on every save, show the verdict at once, and follow you from kata to kata."""
    with _refusals():
        katas, implementation = _find(names), implementation_at(impl)
    from kata.learn.watch import watch as run

    raise typer.Exit(run(implementation, katas, out, sys.stdin if sys.stdin.isatty() else None))


@app.command()
def hint(
    name: OneKata,
    number: Annotated[int | None, typer.Option("--number", "-n", min=1, help="this hint, not the next")] = None,
) -> None:
    """The next hint for a kata; each time one that says more."""
    with _refusals():
        kata = _one(name)
        if not kata.hints:
            raise Refused(f"{name} has no hints; `uv run kata lesson {name}` explains it")
        if number is not None and number > len(kata.hints):
            raise Refused(f"{name} has {len(kata.hints)} hints; there is no number {number}")
    shown = number or progress.next_hint(name, len(kata.hints))
    out.print(f"[bold]{name}[/bold], hint {shown} of {len(kata.hints)}")
    show_lesson(kata.hints[shown - 1], out)
    if shown < len(kata.hints):
        out.print(f"[dim]once more for hint {shown + 1}[/dim]")


@app.command()
def lesson(name: Annotated[str, typer.Argument(metavar="KATA|CHAPTER")]) -> None:
    """The lesson of a chapter, or of one kata."""
    with _refusals():
        katas = curriculum.find(name)
    if katas[0].name == name:
        show_lesson(f"## {name}\n\n{katas[0].lesson}", out)
        return
    chapter = next(c for c in curriculum.chapters() if c.name == katas[0].chapter)
    sections = "\n\n".join(f"## `{kata.name}`\n\n{kata.lesson}" for kata in chapter.katas)
    show_lesson(f"{chapter.introduction}\n\n{sections}", out)


@app.command()
def reset(name: Annotated[str, typer.Argument(metavar="KATA|CHAPTER")]) -> None:
    """Put the pristine stub back; what you had is kept in a backup, which is named."""
    with _refusals():
        katas = curriculum.find(name)
        if katas[0].name == name:
            path, backup = resetting.reset(katas[0])
        else:
            path, backup = resetting.reset_chapter(katas[0].chapter)
    place = path.relative_to(ROOT)
    if backup is None:
        out.print(f"{name}: the stub stands in {place}; there was nothing to keep")
    else:
        out.print(f"{name}: the stub is back in {place}\nwhat was there is in {backup.relative_to(ROOT)}")


@app.command()
def solution(
    name: OneKata, spoil: Annotated[bool, typer.Option("--spoil", help="show it although yours is not solved")] = False
) -> None:
    """The reference solution, after you have solved the kata."""
    with _refusals():
        kata = _one(name)
        if not spoil and not _is_solved(kata):
            raise Refused(f"{name} is not solved yet; hints: uv run kata hint {name}; to see it anyway: --spoil")
    path = ROOT / "solutions" / f"{kata.chapter}.py"
    out.print(Syntax(source_of(path, name), "python", background_color="default"))
    out.print(f"[dim]{path.relative_to(ROOT)}:{curriculum.line_of(path, name)}[/dim]")


def source_of(path: Path, name: str) -> str:
    """The text of the definition `name` in `path`."""
    import ast

    node = curriculum.definitions(path)[name]
    return ast.get_source_segment(path.read_text("utf-8"), node) or ""


def _is_solved(kata: Kata) -> bool:
    from kata.judge.judging import check as judge_all

    (judged,) = judge_all([kata], implementation_at("exercises"), diagnose=False)
    return judged.verdict.outcome is Outcome.SOLVED


@app.command()
def plot(
    name: OneKata,
    impl: Impl = "exercises",
    target: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="a .png or .svg; .kata/plots/KATA.png when left out")
    ] = None,
) -> None:
    """Draw what yours gives upon what is expected: losses, paths, schedules, clipped vectors.

    The picture is shown too where the terminal can. Exit status 1 when nothing of yours could be drawn: then the
    expected stands alone, and why is said.
    """
    from kata.learn.plot import gather
    from kata.learn.plot.pictures import picture_of
    from kata.waist.isolated import Worker

    with _refusals():
        kata, implementation = _one(name), implementation_at(impl)
        picture_of(name)
        path = _plot_path(name, target)
    try:
        with contextlib.closing(Worker()) as worker, _progress(1, not sys.stdout.isatty()):
            worker.start()  # TensorFlow is imported over there while matplotlib is imported here
            from kata.learn.plot import draw, terminal

            comparison = gather.compare(kata, implementation, worker)
    except gather.Undrawable as error:
        err.print(f"[red]kata:[/red] {escape(str(error))}")
        raise typer.Exit(3) from None
    try:
        draw.save(comparison, path)
    except OSError as error:
        err.print(f"[red]kata:[/red] {path} cannot be written: {error.strerror}; name another with --out")
        raise typer.Exit(2) from None
    if terminal.protocol(sys.stdout):
        terminal.show(draw.render(comparison), sys.stdout)
    for problem in comparison.yours.problems:
        out.print(f"yours: {problem}", markup=False)
    if not comparison.yours.is_empty:
        for row in gather.in_words(comparison):
            out.print(row, markup=False)
    out.print(str(path), markup=False)
    if comparison.yours.is_empty:
        raise typer.Exit(1)


def _plot_path(name: str, target: Path | None) -> Path:
    """Where the picture goes: `target`, or a file of the kata's name beside the state."""
    if target is None:
        folder = progress.PATH.parent / "plots"
        with contextlib.suppress(OSError):  # said when the picture is written
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.png"
    if target.suffix.lower() not in (".png", ".svg"):
        raise Refused(f"--out {target}: a picture is a .png or a .svg")
    if not target.absolute().parent.is_dir():
        raise Refused(f"--out {target}: there is no folder {target.parent}")
    return target


@app.command()
def compare(name: OneKata, impl: Impl = "exercises") -> None:
    """Your solved kata beside the reference and other right ways: what each costs, and the difference in the text."""
    from kata.judge.judging import check as judge_all
    from kata.learn.compare import counted, show_counts, show_differences
    from kata.waist.isolated import Worker

    with _refusals():
        kata, implementation = _one(name), implementation_at(impl)
        worker = Worker()
        try:
            (judged,) = judge_all([kata], implementation, diagnose=False, worker=worker)
            if judged.verdict.outcome is not Outcome.SOLVED:
                raise Refused(f"{name} is not solved yet ({judged.verdict.cause}); uv run kata hint {name}")
            found = counted(kata, implementation, worker)
        finally:
            worker.close()
    show_counts(found, out)
    show_differences(kata, implementation, out)


@app.command()
def notebook(
    name: Annotated[str, typer.Argument(metavar="CHAPTER")],
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.ipynb", help="where to; notebooks/CHAPTER.ipynb when left out")
    ] = None,
) -> None:
    """A chapter as a notebook, for Colab or Jupyter: lesson, stubs, and a last cell that judges them."""
    from kata.notebooks import writer

    with _refusals():
        found = curriculum.find(name)
        if found[0].name == name:
            raise Refused(f"{name} is a kata; name its chapter: uv run kata notebook {found[0].chapter}")
        chapter = next(c for c in curriculum.chapters() if c.name == found[0].chapter)
        path = writer.write(chapter, file)
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    out.print(f"{chapter.name} is in {escape(str(place))}\nopen it with Jupyter or VS Code, or upload it to Colab")


@app.command("doctor")
def show_doctor() -> None:
    """Look at this machine: what is missing, and the command that mends it."""
    findings = doctor.examine()
    for finding in findings:
        mark = "[green]✓[/green]" if finding.well else "[red]✗[/red]" if finding.needed else "[yellow]·[/yellow]"
        out.print(f"{mark} {finding.what:<12} {escape(finding.found)}")
        if finding.remedy:
            out.print(f"  {'':<12} mend it with: [cyan]{escape(finding.remedy)}[/cyan]")
    if any(not finding.well and finding.needed for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """The console command."""
    try:
        app()
    except KeyboardInterrupt:
        err.print("\nstopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
