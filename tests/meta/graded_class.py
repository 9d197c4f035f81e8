"""A class as grading leaves it, with every outcome and ids that try to be more than ids; and random ones."""

from hypothesis import strategies as st

from kata.grade.results import ClassResults, Graded, KataResult
from kata.waist.verdict import Message, Outcome, Row

MESSAGE = Message(
    "huber: is quadratic inside delta",
    (
        Row("law", "½e² where |e| ≤ δ, averaged over all elements."),
        Row("input", "huber(np.array([0.625], np.float32),"),
        Row("", "delta=4096.5)"),
        Row("expected", "0.1953125"),
        Row("yours", "7777.25"),
        Row("problem", "After epoch 31: The value is wrong."),
        Row("in", "ch02_losses.py:78 in huber"),
        Row("printed", "e = 5151.5"),
        Row("where", "exercises/ch02_losses.py:78"),
        Row("script", "uv run kata show huber --impl /submissions/ada"),
        Row("next", "uv run kata hint huber"),
    ),
)
EXAMPLE = ("0.625", "4096.5", "0.1953125", "7777.25", "5151.5", "epoch 31", "kata show")
"""What of it an example could be told from."""
WRONG = KataResult(
    outcome=Outcome.WRONG,
    passed=7,
    total=9,
    cause="After epoch 31: The value is wrong: expected 0.1953125, yours 7777.25",
    diagnosis="Beyond delta the loss must grow linearly; yours stays quadratic.",
    law="test_is_quadratic_inside_delta",
    input="huber(np.array([0.625], np.float32), delta=4096.5)",
    message=MESSAGE,
    hint=2,
)
SOLVED = KataResult(outcome=Outcome.SOLVED, passed=9, total=9)


def result(outcome: Outcome, cause: str = "", **more: object) -> KataResult:
    return KataResult(outcome=outcome, passed=3, total=9, cause=cause or f"the cause of {outcome}", **more)


def of(*results: KataResult, chapter: str = "ch02_losses", notes: tuple[str, ...] = ()) -> Graded:
    names = ("mean_squared_error", "mean_absolute_error", "huber", "binary_crossentropy")
    return Graded(katas={chapter: dict(zip(names, results, strict=False))}, notes=notes)


def a_class(**submissions: Graded) -> ClassResults:
    return ClassResults(
        seed=7,
        exam="abc",
        versions={"python": "3.11.7", "tensorflow": "2.21.0"},
        sandbox="bwrap",
        submissions=dict(sorted(submissions.items())),
    )


EVERY_OUTCOME = Graded(
    katas={
        "ch02_losses": {f"kata_{outcome.value}": result(outcome) for outcome in Outcome if outcome != "infrastructure"}
    }
)
UNJUDGED = of(SOLVED, result(Outcome.INFRASTRUCTURE))
WHOLE = a_class(
    **{"ada": of(SOLVED, SOLVED, WRONG), "=cmd()": EVERY_OUTCOME, "../x": of(SOLVED, WRONG), "eve": UNJUDGED}
)

letters = st.characters(codec="utf-8")
texts = st.text(letters, max_size=12) | st.sampled_from(
    ["```", "]]>", "<script>", "\x1b[31m\x00", "a\r\nb", "=1+1", '",\n', "\ufffe"]
)
results = st.builds(
    KataResult,
    outcome=st.sampled_from(Outcome),
    passed=st.integers(0, 8),
    total=st.just(9),
    cause=texts,
    diagnosis=st.none() | texts,
    input=st.none() | texts,
    message=st.none() | st.builds(Message, texts, st.lists(st.builds(Row, texts, texts), max_size=3).map(tuple)),
    hint=st.none() | st.integers(1, 4),
)
gradeds = st.lists(results, min_size=1, max_size=4).map(lambda found: of(*found))
ids = st.text(letters, min_size=1, max_size=6)
classes = st.dictionaries(ids, gradeds, max_size=3).map(lambda found: a_class(**found))
