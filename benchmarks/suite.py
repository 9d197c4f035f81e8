"""Where the time of the laws goes: `uv run python benchmarks/suite.py`.

Judges every kata of the solutions in process and isolated, in one run, and gives the times as multiples of
`import tensorflow` measured in the same run; then the slowest ten laws.
"""

import subprocess
import sys
import time

from kata import curriculum, profiles
from kata.implementation import named
from kata.isolated import Isolated, Limits, Worker
from kata.laws import judge, laws_of, seeded
from kata.quiet import set_environment
from kata.subject import Backend, InProcess, Session
from kata.verdict import Outcome


def import_time() -> float:
    """The median of three cold imports of TensorFlow, each in a process of its own."""
    set_environment()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return sorted(times)[1]


def suite_time(backend: Backend) -> tuple[float, dict[str, tuple[float, int]]]:
    """Seconds for all laws, and for each law its seconds and examples."""
    session = Session(named("solutions"), backend, curriculum.scratch())
    laws: dict[str, tuple[float, int]] = {}
    for kata in curriculum.katas():
        for law in laws_of(kata):
            started = time.perf_counter()
            with seeded(law, 0):
                report = judge(law, session, kata.key)
            assert report.outcome is Outcome.SOLVED, report.message
            laws[f"{kata.name}: {law.__name__}"] = (time.perf_counter() - started, session.examples)
    return sum(seconds for seconds, _ in laws.values()), laws


def main() -> None:
    """Measure and print."""
    profiles.load("ci")
    unit = import_time()
    print(f"import tensorflow: {unit:.2f} s")
    backend = InProcess(named("solutions"))
    started = time.perf_counter()
    backend.start()
    print(f"the same here, with the first operation: {time.perf_counter() - started:.2f} s")
    inside, laws = suite_time(backend)
    worker = Worker()
    worker.start()
    isolated = Isolated(named("solutions"), Limits(), worker)
    isolated.prepare()
    outside, _ = suite_time(isolated)
    isolated.close()
    worker.close()
    examples = sum(count for _, count in laws.values())
    print(f"{len(curriculum.katas())} katas, {len(laws)} laws, {examples} examples")
    print(f"in process: {inside:.1f} s = {inside / unit:.1f} imports of TensorFlow")
    print(f"isolated:   {outside:.1f} s = {outside / unit:.1f} imports; {outside / inside:.2f} of in process")
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
