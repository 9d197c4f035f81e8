"""Where the time of the laws goes: `uv run python benchmarks/suite.py`.

Judges every kata of the solutions in process and isolated, in one run, and gives the times as multiples of
`import tensorflow` measured in the same run; then the slowest ten laws.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from kata.course import curriculum
from kata.judge import profiles
from kata.judge.drawing import seeded
from kata.judge.laws import judge, laws_of
from kata.waist.implementation import implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Backend, InProcess, Session
from kata.waist.tensorflow_start import set_environment
from kata.waist.verdict import Outcome

Times = dict[str, tuple[float, int]]


def import_time() -> float:
    """The median of three cold imports of TensorFlow, each in a process of its own."""
    set_environment()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return sorted(times)[1]


def suite_time(backend: Backend, chapter: str) -> Times:
    """Seconds and examples of every law, of one chapter if it is named."""
    profiles.load("ci")
    session = Session(implementation_at("solutions"), backend, curriculum.scratch())
    laws: Times = {}
    for kata in curriculum.find(chapter) if chapter else curriculum.katas():
        for law in laws_of(kata):
            started = time.perf_counter()
            with seeded(law, 0):
                report = judge(law, session, kata.key)
            assert report.outcome is Outcome.SOLVED, report.cause
            laws[f"{kata.name}: {law.__name__}"] = (time.perf_counter() - started, session.examples)
    return laws


def inside(chapter: str = "") -> Times:
    """All laws, the solutions in this process."""
    backend = InProcess(implementation_at("solutions"))
    backend.start()
    return suite_time(backend, chapter)


def outside(chapter: str = "") -> Times:
    """All laws, the solutions in children of a worker; TensorFlow is not imported here."""
    worker = Worker()
    worker.start()
    backend = Isolated(implementation_at("solutions"), Limits(), worker, ahead=True)
    backend.begin(curriculum.katas()[0].key)
    try:
        return suite_time(backend, chapter)
    finally:
        backend.close()
        worker.close()


def measured(mode: Callable[[str], Times], chapter: str = "") -> tuple[float, Times]:
    """`mode` in a fresh process of its own, as under pytest: seconds in all, and by law."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        times = fresh.submit(mode, chapter).result()
    return sum(seconds for seconds, _ in times.values()), times


def main() -> None:
    """Measure and print."""
    unit = import_time()
    print(f"import tensorflow: {unit:.2f} s")
    within, laws = measured(inside)
    apart, _ = measured(outside)
    examples = sum(count for _, count in laws.values())
    print(f"{len(curriculum.katas())} katas, {len(laws)} laws, {examples} examples")
    print(f"in process: {within:.1f} s = {within / unit:.1f} imports of TensorFlow")
    print(f"isolated:   {apart:.1f} s = {apart / unit:.1f} imports; {apart / within:.2f} of in process")
    for name, (seconds, count) in sorted(laws.items(), key=lambda item: -item[1][0])[:10]:
        print(f"  {seconds:5.2f} s  {count:4} examples  {name}")
    by_chapter: dict[str, float] = {}
    for kata in curriculum.katas():
        total = sum(seconds for name, (seconds, _) in laws.items() if name.startswith(f"{kata.name}: "))
        by_chapter[kata.chapter] = by_chapter.get(kata.chapter, 0.0) + total
    for chapter, seconds in by_chapter.items():
        print(f"  {seconds:5.1f} s  {chapter}")


if __name__ == "__main__":
    main()
