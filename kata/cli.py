"""The `kata` command. Each subcommand is a function that a test can call; what it does lives in its own module.

Exit status: 0 when everything asked for is solved (or done); 1 when something is not; 2 for wrong usage;
3 when the machine's fault kept a kata from being judged.
"""

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax

from kata import clone
from kata.course import curriculum, progress
from kata.course import reset as resetting
from kata.course.curriculum import Kata
from kata.grade.command import grade, release_edition
from kata.learn import doctor, listing, summary
from kata.learn.countdown import countdown
from kata.learn.reading import show_lesson
from kata.learn.render import as_text, show_lines, show_message
from kata.waist.implementation import EDITION, ROOT, Implementation, implementation_at
from kata.waist.verdict import KataVerdict, Outcome, exit_status

app = typer.Typer(
    help="Katas for TensorFlow training and optimization. `kata` alone checks your exercises and says what is next.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
# On a terminal lines end between words; in a pipe they are left whole, for whoever reads them there.
out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def _complete_kata(incomplete: str) -> list[str]:
    """For the shell: the katas whose names begin so."""
    return [kata.name for kata in curriculum.katas() if kata.name.startswith(incomplete)]


def _complete_chapter(incomplete: str) -> list[str]:
    """For the shell: the chapters whose names begin so."""
    return [chapter.name for chapter in curriculum.chapters() if chapter.name.startswith(incomplete)]


def _complete_any(incomplete: str) -> list[str]:
    return _complete_kata(incomplete) + _complete_chapter(incomplete)


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KATA|CHAPTER]...",
        help="which (a chapter also as 2 or ch2); all when left out",
        autocompletion=_complete_any,
    ),
]
OneKata = Annotated[str, typer.Argument(metavar="KATA", autocompletion=_complete_kata)]
KataOrChapter = Annotated[str, typer.Argument(metavar="KATA|CHAPTER", autocompletion=_complete_any)]
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
    every: Annotated[bool, typer.Option("--all", help="judge also what is solved and has not changed since")] = False,
    as_json: AsJson = False,
    diagnose: Annotated[bool, typer.Option(help="name the misconception behind a failure")] = True,
) -> None:
    """Judge katas from outside, each in a process of its own; show the first failure, the progress, the next step.

    Without names: all katas but those that are solved and unchanged since; these count, and --all judges them too.
    """
    with _refusals():
        katas, implementation = _find(names), implementation_at(impl)
    known = {} if names or every else _solved_before(katas, implementation)
    verdicts, failures = _judge([kata for kata in katas if kata.name not in known], implementation, diagnose)
    found = verdicts | known
    result: summary.Verdicts = {}
    for kata in katas:
        result.setdefault(kata.chapter, {})[kata.name] = found[kata.name]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
    else:
        _show_result(result, failures, implementation)
        if known:
            them = "it was" if len(known) == 1 else "they were"
            out.print(f"[dim]{len(known)} not judged again: solved, and unchanged since {them}; --all judges all[/dim]")
    raise typer.Exit(exit_status(found.values()))


def _solved_before(katas: list[Kata], implementation: Implementation) -> dict[str, KataVerdict]:
    """What was found solved in this very text."""
    return {
        name: KataVerdict(outcome=judged.outcome, passed=judged.passed, total=judged.total, cause="")
        for name, judged in progress.kept(katas, implementation).items()
        if judged.outcome is Outcome.SOLVED
    }


def _judge(
    katas: list[Kata], implementation: Implementation, diagnose: bool
) -> tuple[dict[str, KataVerdict], list[str]]:
    """The verdicts, and the messages of those that fail; what was judged is remembered, after Ctrl-C too."""
    from kata.judge import case
    from kata.judge.judging import check as judge_all

    texts = progress.texts_of(katas, implementation)
    written = [kata for kata in katas if not curriculum.is_untouched(implementation.definition(kata.key)[0], kata)]
    verdicts: dict[str, KataVerdict] = {}
    failures: list[str] = []
    try:
        with countdown(len(written), err) as step:
            turns = iter(written)
            if written:
                step(next(turns).name)
            for judged in judge_all(katas, implementation, diagnose=diagnose, keeps=case.folder()):
                verdicts[judged.kata.name] = judged.verdict
                if judged.verdict.outcome is Outcome.TODO:
                    continue
                if judged.first_failure:
                    failures.append(as_text(judged.first_failure.message))
                following = next(turns, None)
                if following is not None:
                    step(following.name)
    finally:
        progress.note(verdicts, texts, implementation)
    return verdicts, failures


def _show_result(verdicts: summary.Verdicts, failures: list[str], implementation: Implementation) -> None:
    for message in failures[:3]:
        show_message(message, out)
        out.print()
    if len(failures) > 3:
        out.print(f"… and {len(failures) - 3} more that fail; `kata check NAME` shows one.\n")
    show_lines(summary.lines(verdicts, implementation), out)


@app.command("list")
def list_katas(names: Names = None, as_json: AsJson = False) -> None:
    """All katas with their state, difficulty and minutes. The state is what was last judged for this very text."""
    with _refusals():
        listed = listing.rows(_find(names), implementation_at("exercises"))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode([row.as_data() for row in listed])).decode())
    else:
        listing.show(listed, out)


@app.command()
def show(
    name: OneKata,
    impl: Impl = "exercises",
    law: Annotated[str | None, typer.Option("--law", metavar="TEXT", help="a law whose name holds this text")] = None,
    target: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="write it to FILE.py; printed when left out")
    ] = None,
) -> None:
    """The failing case of the last check as a script: plain Python that has your file do it again.

    It needs TensorFlow, NumPy and your file. Where the last check of the kata kept no case, it is judged anew. Exit
    status 1 when there is nothing to show because the kata is not written, or does not load.
    """
    from kata.judge import case
    from kata.learn import show_case

    with _refusals():
        kata, implementation = _one(name), implementation_at(impl)
        _refuse_target(target, show_case.is_a_script)
        cases, said = case.kept(kata, implementation, case.folder()), ""
        if not cases:
            said = _judge_for_show(kata, implementation)
            cases = case.kept(kata, implementation, case.folder())
        chosen = [found for found in cases if (law or "").replace(" ", "_") in found.law]
        if cases and not chosen:
            laws = ", ".join(found.law.removeprefix("test_") for found in cases)
            raise Refused(f"--law {law}: of {name} these fail: {laws}")
    if not chosen:
        out.print(said, markup=False)
        raise typer.Exit(0 if said.endswith("nothing to show") else 1)
    text = show_case.script(chosen[0])
    if target is None:
        print(text, end="")
        return
    try:
        progress.write_whole(target, text.encode())
    except OSError as error:
        err.print(f"[red]kata:[/red] {target} cannot be written: {error.strerror}; name another with --out")
        raise typer.Exit(2) from None
    out.print(f"uv run python {target}", markup=False)


def _refuse_target(target: Path | None, is_ours: Callable[[Path], bool]) -> None:
    if target is None:
        return
    if target.suffix != ".py":
        raise Refused(f"--out {target}: a script is a .py")
    if not target.absolute().parent.is_dir():
        raise Refused(f"--out {target}: there is no folder {target.parent}")
    if target.exists() and not is_ours(target):
        raise Refused(f"--out {target}: that file is not one of these scripts, and is left alone; name another")


def _judge_for_show(kata: Kata, implementation: Implementation) -> str:
    """Judge `kata`, so that its failing cases are kept; what to say where there is none."""
    from kata.judge import case
    from kata.judge.judging import check as judge_all

    (judged,) = judge_all([kata], implementation, diagnose=False, keeps=case.folder())
    if judged.verdict.outcome is Outcome.SOLVED:
        return f"{kata.name}: all {judged.verdict.total} laws hold, there is nothing to show"
    return f"{kata.name}: {judged.verdict.cause}"


@app.command()
def watch(names: Names = None, impl: Impl = "exercises") -> None:
    """Judge on every save, show the verdict at once, and follow you from kata to kata."""
    with _refusals():
        katas, implementation = _find(names), implementation_at(impl)
    from kata.learn.watch import watch as run

    screen = Console(highlight=False)
    raise typer.Exit(run(implementation, katas, screen, sys.stdin if sys.stdin.isatty() else None))


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
def lesson(name: KataOrChapter) -> None:
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
def reset(name: KataOrChapter) -> None:
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
        out.print("uv run kata undo   puts it back")


@app.command()
def undo(
    name: Annotated[
        str | None, typer.Argument(metavar="[KATA|CHAPTER]", help="what was reset", autocompletion=_complete_any)
    ] = None,
) -> None:
    """Undo the last reset (or the last undo): put back the chapter as it was, from the newest backup."""
    with _refusals():
        chapter = curriculum.find(name)[0].chapter if name else None
        path, used, backup = resetting.undo(chapter)
    out.print(f"{path.relative_to(ROOT)} is again as in {used.relative_to(ROOT)}")
    if backup is not None:
        out.print(f"what was there is in {backup.relative_to(ROOT)}; `kata undo` once more puts that back")


def _needs_solutions() -> None:
    if EDITION:
        raise Refused("the student edition has no solutions to show or to compare with; your instructor has them")


@app.command()
def solution(
    name: OneKata, spoil: Annotated[bool, typer.Option("--spoil", help="show it although yours is not solved")] = False
) -> None:
    """The reference solution, after you have solved the kata."""
    with _refusals():
        kata = _one(name)
        _needs_solutions()
        if not spoil and not _is_solved(kata):
            raise Refused(f"{name} is not solved yet; hints: uv run kata hint {name}; to see it anyway: --spoil")
    path = ROOT / "solutions" / f"{kata.chapter}.py"
    out.print(Syntax(curriculum.source_of(path, name), "python", background_color="default"))
    out.print(f"[dim]{path.relative_to(ROOT)}:{curriculum.line_of(path, name)}[/dim]")


def _is_solved(kata: Kata) -> bool:
    """What was last judged for this very text; judged now where nothing is known."""
    implementation = implementation_at("exercises")
    if kata.name in _solved_before([kata], implementation):
        return True
    verdicts, _ = _judge([kata], implementation, diagnose=False)
    return verdicts[kata.name].outcome is Outcome.SOLVED


@contextlib.contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Say on a terminal what takes so long; FORCE_COLOR makes no terminal of a pipe."""
    if not sys.stderr.isatty():
        yield
        return
    with err.status(what):
        yield


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
        with contextlib.closing(Worker()) as worker, _waiting(f"drawing {name} …"):
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
        _needs_solutions()
        worker = Worker()
        try:
            (judged,) = judge_all([kata], implementation, diagnose=False, worker=worker)
            if judged.verdict.outcome is not Outcome.SOLVED:
                raise Refused(f"{name} is not solved yet ({judged.verdict.cause}); uv run kata hint {name}")
            found = counted(kata, implementation, worker)
        finally:
            worker.close()
    show_counts(found, out)
    out.print()
    show_differences(kata, implementation, out)


@app.command()
def notebook(
    name: Annotated[str, typer.Argument(metavar="CHAPTER", autocompletion=_complete_chapter)],
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


@app.command()
def page(
    name: Annotated[
        str | None, typer.Argument(metavar="[KATA]", help="where to begin", autocompletion=_complete_kata)
    ] = None,
    impl: Impl = "exercises",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="8765, or the next that is free")] = None,
    host: Annotated[str, typer.Option(help="listen elsewhere than on this machine alone; see --exposed")] = "127.0.0.1",
    exposed: Annotated[
        bool, typer.Option("--exposed", help="with --host: yes, others in the network may reach it, who have the link")
    ] = False,
    browser: Annotated[bool, typer.Option(help="open the page in the browser")] = True,
) -> None:
    """The course in a browser: lesson, code, verdict and picture side by side; `kata watch` may run beside it."""
    with _refusals():
        kata = _one(name) if name else None
        if host not in ("127.0.0.1", "localhost", "::1") and not exposed:
            raise Refused(
                f"--host {host} lets others in your network try the page, which runs code on this machine; "
                "if you mean it, add --exposed"
            )
        implementation = implementation_at(impl)
        from kata.page import server

        listening = server.bound(host, port)
    key = server.token()
    everywhere = host in ("0.0.0.0", "::")
    shown = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/?token={key}"
    if exposed:
        err.print(
            "[yellow]kata:[/yellow] the page can be reached from the network, without encryption: "
            "whoever reads the link, or the traffic, can run code here"
        )

    def ready() -> None:
        out.print(f"The page is at [cyan]{escape(address)}[/cyan]\n(Ctrl-C ends it)", soft_wrap=True)
        if browser and sys.stdout.isatty():
            import webbrowser

            webbrowser.open(address)

    server.serve(implementation, listening, host, key, ready, kata)


@app.command()
def site(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="a new folder, or an earlier site, which is replaced")],
    repository: Annotated[
        str, typer.Option(metavar="URL", help="the course's repository on the web, for links to its files")
    ] = "",
) -> None:
    """The lessons as a website, with search, contracts and folded hints, for any static host; no solutions."""
    from kata.site.build import build

    with _refusals(), _waiting("making the pages …"):
        built = build(folder, repository=repository)
    out.print(f"{built.pages} pages, {built.size / 1e6:.1f} MB, are in {escape(str(built.folder))}")
    out.print("open index.html there, or put the folder on any static host")


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


def verify(
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="katas side by side; as many as cores when left out")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="for how many seeds")] = 1,
) -> None:
    """Before a term: stubs in step, the sandbox stands, the laws are right about every solution, approach and mistake.

    Exit status 0 when all of it holds, else 1.
    """
    from kata import prove
    from kata.course import stubs
    from kata.waist import machine, walls

    with _refusals():
        _needs_solutions()
    wrong = [f"exercises/{name}.py is not made from solutions/{name}.py" for name in stubs.out_of_step()]
    reason = walls.missing()
    if reason:
        wrong.append(f"no sandbox: {reason}")
    for sentence in wrong:
        out.print(f"[red]✗[/red] {escape(sentence)}")
    if not wrong:
        out.print("[green]✓[/green] stubs and sandbox")
    more = ["--seeds", str(seeds), "--jobs", str(jobs or machine.cores())]
    statuses = [prove.main(["--kind", kind, *more]) for kind in ("solution", "approach", "misconception")]
    if any(statuses) or wrong:
        raise typer.Exit(1)


app.command()(grade)
app.command("release")(release_edition)
app.command()(verify)


def main() -> None:
    """The console command."""
    problem = clone.enter("kata.cli", sys.argv[1:])
    if problem:
        err.print(f"[red]kata:[/red] {escape(problem)}")
        sys.exit(2)
    try:
        app(prog_name="kata")
    except KeyboardInterrupt:
        err.print("\nstopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
