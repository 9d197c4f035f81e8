"""Twenty failures as a learner meets them, and what is then said: `golden/messages.txt`, word for word.

To write the file anew after a message was bettered: `KATA_GOLDEN=write uv run pytest tests/meta/test_messages.py`,
then read it as a learner would.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.course import curriculum
from kata.judge import profiles
from kata.judge.catalogue import Catalogue
from kata.judge.drawing import seeded
from kata.judge.judging import judge_kata
from kata.judge.laws import laws_of
from kata.learn.render import as_text
from kata.waist.implementation import ROOT, Implementation
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session

GOLDEN = ROOT / "tests" / "meta" / "golden" / "messages.txt"

CAST = "y_pred = tf.convert_to_tensor(y_pred)\n    e = tf.cast(y_true, y_pred.dtype) - y_pred\n    "
FAILURES: dict[str, tuple[str, str]] = {
    "wrong reduction": ("mean_squared_error", CAST + "return tf.reduce_sum(e * e)"),
    "no reduction": ("mean_squared_error", CAST + "return e * e"),
    "wrong dtype": ("mean_squared_error", CAST + "return tf.cast(tf.reduce_mean(e * e), tf.float64)"),
    "a NumPy number": (
        "mean_squared_error",
        "import numpy as np\n    return np.mean((np.array(y_true) - y_pred) ** 2)",
    ),
    "no return": ("mean_squared_error", CAST + "tf.reduce_mean(e * e)"),
    "changes its input": ("mean_squared_error", "y_pred -= y_true\n    return tf.reduce_mean(tf.square(y_pred))"),
    "raises": ("mean_squared_error", CAST + "return tf.reduce_mean(errors * errors)"),
    "labels are not cast": ("mean_squared_error", "return tf.reduce_mean(tf.square(y_true - tf.constant(y_pred)))"),
    "not differentiable": ("mean_squared_error", CAST + "return tf.constant(tf.reduce_mean(e * e).numpy())"),
    "works only eagerly": (
        "mean_squared_error",
        CAST + "return tf.reduce_mean(e * e) * float(tf.reduce_sum(e) == 0 or 1)",
    ),
    "never comes back": ("mean_squared_error", "while True:\n        pass"),
    "ends its process": ("mean_squared_error", "import os\n    os._exit(0)"),
    "the built-in": ("mean_squared_error", "return tf.keras.losses.MeanSquaredError()(y_true, y_pred)"),
    "prints on its way": ("mean_squared_error", CAST + "print('e =', e.shape)\n    return tf.reduce_mean(e)"),
    "quadratic everywhere": (
        "huber",
        CAST + "if delta <= 0:\n        raise ValueError(f'delta must be positive. Received: {delta}')\n"
        "    return tf.reduce_mean(0.5 * e * e)",
    ),
    "bad input is accepted": (
        "huber",
        CAST + "a = tf.abs(e)\n    d = tf.cast(delta, e.dtype)\n"
        "    return tf.reduce_mean(tf.where(a <= d, 0.5 * e * e, d * a - 0.5 * d * d))",
    ),
    "the logarithm of zero": (
        "binary_crossentropy",
        "p = tf.convert_to_tensor(y_prob)\n    y = tf.cast(y_true, p.dtype)\n"
        "    return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))",
    ),
    "clipped where logits were given": (
        "binary_crossentropy_from_logits",
        "p = tf.clip_by_value(tf.sigmoid(logits), 1e-7, 1 - 1e-7)\n    y = tf.cast(y_true, p.dtype)\n"
        "    return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))",
    ),
    "whole numbers where a ratio was asked": (
        "linear_scaling_rule",
        "for name, size in (('base_batch_size', base_batch_size), ('batch_size', batch_size)):\n"
        "        if size < 1:\n            raise ValueError(f'{name} must be at least 1. Received: {size}')\n"
        "    return float(base_lr) * (batch_size // base_batch_size)",
    ),
    "the second of three": (
        "adam_step",
        "m = beta_1 * m + g\n    v = beta_2 * v + (1 - beta_2) * g * g\n"
        "    step = lr * (m / (1 - beta_1**t)) / ((v / (1 - beta_2**t)) ** 0.5 + epsilon)\n    return w - step, m, v",
    ),
    "a field of a record": (
        "confusion_counts",
        "y, p = tf.reshape(y_true, [-1]), tf.reshape(tf.convert_to_tensor(y_prob), [-1])\n"
        "    d, y = tf.cast(p >= threshold, p.dtype), tf.cast(y, p.dtype)\n    n = tf.reduce_sum\n"
        "    return ConfusionCounts(n(d * y), n((1 - d) * y), n(d * (1 - y)), n((1 - d) * (1 - y)))",
    ),
    "NumPy's numbers": ("reduce_on_plateau", "import numpy as np\n    return [np.float64(initial_lr)] * len(losses)"),
    "half a batch forgotten": (
        "updates_per_epoch",
        "return samples // batch_size // accumulation_steps",
    ),
}


@pytest.fixture(scope="module")
def catalogue(worker: Worker) -> Iterator[Catalogue]:
    shared = Catalogue.on(worker)
    yield shared
    shared.close()


def submission(kata: curriculum.Kata, body: str, folder: Path) -> Implementation:
    from kata.course import stubs

    text = stubs.pristine(kata.chapter)
    at = text.index("raise NotImplementedError", text.index(f"def {kata.name}("))
    text = text[:at] + body + text[at + len("raise NotImplementedError") :]
    (folder / f"{kata.chapter}.py").write_text(text, "utf-8")
    return Implementation(str(folder))


def golden() -> dict[str, str]:
    """The messages of the golden file, by the name of the failure."""
    if not GOLDEN.exists():
        return {}
    parts = GOLDEN.read_text("utf-8").split("### ")[1:]
    return {name: text.strip("\n") for name, _, text in (part.partition("\n") for part in parts)}


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_said(name: str, tmp_path: Path, worker: Worker, catalogue: Catalogue) -> None:
    profiles.load("grade")
    kata_name, body = FAILURES[name]
    (kata,) = curriculum.find(kata_name)
    implementation = submission(kata, body, tmp_path)
    backend = Isolated(implementation, Limits(call=8.0), worker)
    session = Session(implementation, backend, curriculum.scratch())
    laws = laws_of(kata)
    from contextlib import ExitStack

    with ExitStack() as stack:
        for law in laws:
            stack.enter_context(seeded(law, 0, shrink=True))
        judged = judge_kata(kata, session, catalogue)
    backend.close()
    assert judged.first_failure is not None
    message = (
        as_text(judged.first_failure.message).replace(f" --impl {tmp_path}", "").replace(str(tmp_path), "exercises")
    )
    assert len(message.splitlines()) <= 14
    assert max(map(len, message.splitlines())) <= 110
    if os.environ.get("KATA_GOLDEN") == "write":
        kept = {**golden(), name: message}
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("".join(f"### {n}\n{kept[n]}\n\n" for n in FAILURES if n in kept), "utf-8")
    assert message == golden().get(name)
