"""The laws on the solutions from outside (a process of its own) beside in process, in imports of TensorFlow."""

from benchmarks.rows import Row, an_import, ratio
from benchmarks.suite import inside, measured, outside


def rows(quick: bool) -> list[Row]:
    """Isolated beside in process; the whole suite, or one chapter."""
    chapter = "ch08_clipping" if quick else ""
    within, _ = measured(inside, chapter)
    apart, laws = measured(outside, chapter)
    unit, examples = an_import(), sum(count for _, count in laws.values())
    what = f"{len(laws)} laws, {examples} examples"
    return [
        ratio(f"{what}: isolated, beside in process", apart, within, "the laws' own TensorFlow calls: 1"),
        Row(
            "the same isolated, in imports of TensorFlow",
            f"{apart / unit:.1f}",
            f"one import: {unit:.2f} s",
            None,
            f"in process it is {within / unit:.1f}",
        ),
    ]
