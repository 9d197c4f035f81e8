"""What is drawn of each kata: the panels of its picture, and the questions whose answers are their lines.

A line's questions go through the waist, as a law's do, so the same picture can be asked of any implementation.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kata.waist.assertions import ImplementationError
from kata.waist.session import chapter, probes, read, tensor
from kata.waist.show import show

Array = np.ndarray[Any, np.dtype[Any]]
Ask = Callable[[], Array]

losses = chapter("ch02_losses")
optimizers = chapter("ch03_optimizers")
schedules = chapter("ch04_schedules")
accumulation = chapter("ch07_accumulation")
clipping = chapter("ch08_clipping")
mixed = chapter("ch09_mixed_precision")
capstone = chapter("ch10_capstone")
common = probes("common")


class Unusable(Exception):
    """What came back cannot be drawn; the text says what it is, and what it should be."""


@dataclass(frozen=True)
class Line:
    """One curve, path or arrow of a panel.

    Args:
        label: what sets it apart from the panel's other lines; in every panel that has it, it has one colour.
        ask: asks the implementation in use for the points, float64 of shape (n, 2): x and y as drawn. An arrow is its
            tip, one point.

    Raises (from `ask`): Unusable, and whatever `Session.ask` raises.
    """

    label: str
    ask: Ask


@dataclass(frozen=True)
class Panel:
    """One pair of axes, with what both implementations are asked, and what is given to both."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    kind: Literal["curve", "steps", "path", "arrows"] = "curve"
    """`steps` holds each value until the next point; `path` is a walk over the valley; `arrows` start at the origin."""
    scale: Literal["linear", "log x", "log y", "log2 y"] = "linear"
    given: Array | None = None
    """Points that are nobody's answer: the losses of a made-up training, the gradients before they are clipped."""
    limit: Literal["", "box", "circle"] = ""
    """The unit square or circle, within which clipped vectors end."""
    window: tuple[float, float, float, float] | None = None
    """Left, right, bottom, top, where the answers do not decide."""
    free_at: float | None = None
    """Where any finite value is right: an absolute value has many slopes at 0."""


@dataclass(frozen=True)
class Picture:
    """All panels of a kata, and with which arguments it is asked."""

    setting: str
    panels: tuple[Panel, ...]


# Reading answers


def number(value: Any) -> float:
    """`value` as a float.

    Raises:
        Unusable: it is not one number of rank 0.
    """
    return float(array(value, ()))


def array(value: Any, shape: tuple[int, ...]) -> Array:
    """`value` as float64 of that shape.

    Raises:
        Unusable: it is no array, or of another shape.
    """
    wanted = "one number" if shape == () else f"an array of shape {shape}"
    if value is None:
        raise Unusable(f"None came back, where {wanted} is expected")
    try:
        found = np.asarray(value).astype(np.float64)
    except (TypeError, ValueError):
        raise Unusable(f"{show(value, 60)} came back, where {wanted} is expected") from None
    if found.shape != shape:
        raise Unusable(f"an array of shape {found.shape} came back, where {wanted} is expected")
    return found


def parts(value: Any, count: int) -> Sequence[Any]:
    """The `count` items of the list or tuple `value`.

    Raises:
        Unusable: it is none, or of another length.
    """
    if not isinstance(value, list | tuple) or len(value) != count:
        raise Unusable(f"{show(value, 60)} came back, where {count} values are expected")
    return value


def _over(at: Array, ask: Callable[[float], float]) -> Array:
    """The points (x, ask(x))."""
    return np.array([(x, ask(float(x))) for x in at], np.float64)


# Chapter 2: a loss and its gradient. The batch is two samples that cost the same: so the mean is the sample's own loss,
# and whoever sums, or mixes samples up, is seen.

Batch = Callable[[float], tuple[Array, Array]]
"""The labels and the predictions for the value on the horizontal axis."""


def _loss(make: Callable[[], Any], batch: Batch, at: Array, **options: Any) -> Ask:
    def ask() -> Array:
        loss = make()
        return _over(at, lambda x: number(loss(*batch(x), **options)))

    return ask


def _gradient(make: Callable[[], Any], batch: Batch, at: Array, **options: Any) -> Ask:
    """The derivative of the sample's own loss in the value on the horizontal axis: its first prediction."""

    def derivative(loss: Any, x: float) -> float:
        labels, predictions = batch(x)
        found = gradient_of(loss, labels, predictions, **options)
        return float(len(found) * found.flat[0])  # the mean over the batch has divided by its size

    def ask() -> Array:
        loss = make()
        return _over(at, lambda x: derivative(loss, x))

    return ask


def gradient_of(loss: Any, labels: Array, predictions: Array, **options: Any) -> Array:
    """The gradient of the loss in the predictions.

    Raises:
        Unusable: there is none.
    """
    try:
        gradient = common.gradient(loss, labels, predictions, **options)
    except ImplementationError as error:
        if error.line is not None:  # a line of the kata raised it
            raise
        gradient = None
    if gradient is None:
        raise Unusable("there is none: something in it is not differentiable, or leaves TensorFlow")
    return array(gradient, predictions.shape)


@dataclass(frozen=True)
class _Case:
    """One line of a loss's picture: what is asked, with which batch and options."""

    label: str
    make: Callable[[], Any]
    batch: Batch
    options: dict[str, Any]

    def loss(self, at: Array) -> Line:
        return Line(self.label, _loss(self.make, self.batch, at, **self.options))

    def gradient(self, at: Array) -> Line:
        return Line(self.label, _gradient(self.make, self.batch, at, **self.options))


def _case(label: str, loss: str | Callable[[], Any], batch: Batch, **options: Any) -> _Case:
    make = functools.partial(getattr, losses, loss) if isinstance(loss, str) else loss
    return _Case(label, make, batch, options)


def _errors(error: float) -> tuple[Array, Array]:
    return np.zeros(2, np.float32), np.full(2, error, np.float32)


def _opposite_errors(error: float) -> tuple[Array, Array]:
    return np.zeros(2, np.float32), np.array([error, -error], np.float32)


def _binary(label: float) -> Batch:
    return lambda x: (np.full(2, label, np.float32), np.full(2, x, np.float32))


def _three_classes(label: tuple[float, float, float]) -> Batch:
    """Probabilities p, 0.7 (1 − p), 0.3 (1 − p) of three classes, and the same with the classes in another order."""
    return lambda p: (_reordered(label), _reordered((p, *_shared(p))))


def _class_number(true: int, others: Callable[[float], tuple[float, float]]) -> Batch:
    """The same with a class's number as label; `others` are the predictions for classes 1 and 2."""
    labels = np.array([true, (true + 1) % 3], np.int32)
    return lambda x: (labels, _reordered((x, *others(x))))


def _reordered(row: tuple[float, ...]) -> Array:
    return np.array([row, np.roll(row, 1)], np.float32)


def _shared(p: float) -> tuple[float, float]:
    return 0.7 * (1 - p), 0.3 * (1 - p)


ERRORS = np.round(np.linspace(-3, 3, 49), 3)
PROBABILITIES = np.round(np.sin(np.linspace(0.142, np.pi / 2 - 0.142, 41)) ** 2, 4)
"""From 0.02 to 0.98, closer together where the curves are steep."""
TINY = np.geomspace(1e-10, 0.98, 41)
LOGITS = np.round(np.linspace(-6, 6, 41), 3)
FAR_LOGITS = np.round(np.linspace(-200, 200, 41), 3)
TWICE = "a batch of one sample twice"
REORDERED = "a batch of one sample twice, its classes in another order"
OPPOSITE = "a batch of two opposite errors"


def _regression(*cases: _Case, unit: str, slope: str, setting: str = OPPOSITE, free_at: float | None = None) -> Picture:
    error = "error ŷ − y, in units of y"
    # Either side of 0, where an absolute value's slope jumps: so the jump is drawn upright.
    at = np.sort(np.append(ERRORS, [-0.001, 0.001]))
    return Picture(
        setting,
        (
            Panel("Loss", error, f"loss, in {unit}", tuple(case.loss(ERRORS) for case in cases)),
            Panel(
                "Its gradient",
                error,
                f"∂loss/∂ŷ, in {slope}",
                tuple(case.gradient(at) for case in cases),
                free_at=free_at,
            ),
        ),
    )


def _of_probability(*cases: _Case, whose: str, setting: str = TWICE, near_zero: bool = True) -> Picture:
    p, loss = f"probability of {whose}", "loss, in nats"
    panels = [
        Panel("Loss", p, loss, tuple(case.loss(PROBABILITIES) for case in cases)),
        Panel("Its gradient", p, "∂loss/∂p, in nats", tuple(case.gradient(PROBABILITIES) for case in cases)),
    ]
    if near_zero:
        lines = tuple(case.loss(TINY) for case in cases)
        panels.append(Panel("Loss near 0, clipped", p, loss, lines, scale="log x"))
    return Picture(setting, tuple(panels))


def _of_logit(*cases: _Case, whose: str, setting: str = TWICE) -> Picture:
    z, loss = f"logit of {whose}", "loss, in nats"
    return Picture(
        setting,
        (
            Panel("Loss", z, loss, tuple(case.loss(LOGITS) for case in cases)),
            Panel("Its gradient", z, "∂loss/∂logit, in nats", tuple(case.gradient(LOGITS) for case in cases)),
            Panel("Loss of huge logits", z, loss, tuple(case.loss(FAR_LOGITS) for case in cases)),
        ),
    )


def _focal(gamma: float, alpha: float) -> _Case:
    def batch(p: float) -> tuple[Array, Array]:
        return _reordered((1, 0)), _reordered((p, 1 - p))

    return _case(f"γ = {gamma:g}, α = {alpha:g}", lambda: losses.FocalLoss(gamma=gamma, alpha=alpha), batch)


LOSSES = {
    "mean_squared_error": _regression(
        _case("squared", "mean_squared_error", _opposite_errors), unit="units² of y", slope="units of y"
    ),
    "mean_absolute_error": _regression(
        _case("absolute", "mean_absolute_error", _opposite_errors),
        unit="units of y",
        slope="units of y per unit",
        free_at=0.0,
    ),
    "huber": _regression(
        _case("δ = 1", "huber", _opposite_errors, delta=1.0),
        _case("δ = 2", "huber", _opposite_errors, delta=2.0),
        unit="units² of y",
        slope="units of y",
    ),
    "weighted_mse": _regression(
        _case("u = 2", "weighted_mse", _errors, under_weight=2.0),
        _case("u = ½", "weighted_mse", _errors, under_weight=0.5),
        unit="units² of y",
        slope="units of y",
        setting=f"u = under_weight, {TWICE}",
    ),
    "binary_crossentropy": _of_probability(
        _case("label 1", "binary_crossentropy", _binary(1.0)),
        _case("label 0", "binary_crossentropy", _binary(0.0)),
        whose="yes",
    ),
    "binary_crossentropy_from_logits": _of_logit(
        _case("label 1", "binary_crossentropy_from_logits", _binary(1.0)),
        _case("label 0", "binary_crossentropy_from_logits", _binary(0.0)),
        whose="yes",
    ),
    "categorical_crossentropy": _of_probability(
        _case("label (1, 0, 0)", "categorical_crossentropy", _three_classes((1, 0, 0))),
        _case("label (½, ½, 0)", "categorical_crossentropy", _three_classes((0.5, 0.5, 0))),
        whose="the first of three classes",
        setting=REORDERED,
    ),
    "sparse_categorical_crossentropy": _of_probability(
        _case("class 0 is true", "sparse_categorical_crossentropy", _class_number(0, _shared)),
        _case("class 2 is true", "sparse_categorical_crossentropy", _class_number(2, _shared)),
        whose="class 0 of three",
        setting=REORDERED,
    ),
    "sparse_categorical_crossentropy_from_logits": _of_logit(
        _case(
            "class 0 is true", "sparse_categorical_crossentropy_from_logits", _class_number(0, lambda z: (1.0, -1.0))
        ),
        _case(
            "class 2 is true", "sparse_categorical_crossentropy_from_logits", _class_number(2, lambda z: (1.0, -1.0))
        ),
        whose="class 0; the others' are 1 and −1",
        setting=REORDERED,
    ),
    "FocalLoss": _of_probability(
        _focal(0, 1), _focal(2, 1), _focal(2, 0.25), whose="the true class", setting=REORDERED, near_zero=False
    ),
}


# Chapter 3: the path of an optimizer over a narrow valley, as in the lesson.

CURVATURES = np.array([1.0, 100.0])
START = np.array([1.0, 1.0])
STEPS = 80
Walk = Callable[[], Array]
"""Gives the points from START on, shape (STEPS + 1, 2)."""


def _walk(kata: str, states: int, *, counted: bool = False, steps: int = STEPS, **options: Any) -> Walk:
    """The walk of a step function that has `states` states, and is told the number of the step if `counted`."""

    def walk() -> Array:
        step = getattr(optimizers, kata)
        w, state, points = START, [tensor(np.zeros(2, np.float32))] * states, [START]
        for t in range(1, steps + 1):
            weights, gradient = (tensor(value, np.float32) for value in (w, w * CURVATURES))
            answer = step(weights, *state, gradient, *([t] if counted else []), **options)
            new, *state = parts(answer, 1 + states) if states else [answer]
            w = array(new, (2,))
            points.append(w)
        return np.array(points)

    return walk


def _walk_of_an_object(kata: str, rate: float, *, steps: int = STEPS, **options: Any) -> Walk:
    descent = probes("ch03_optimizers").descent
    make = getattr(optimizers, kata)
    arguments = (START.astype(np.float32), CURVATURES.astype(np.float32), steps, rate)
    return lambda: array(descent(make, *arguments, **options), (steps + 1, 2))


def _losses_of(walk: Walk) -> Ask:
    def ask() -> Array:
        points = walk()
        return np.column_stack([np.arange(len(points)), points**2 @ CURVATURES / 2])

    return ask


def _valley(setting: str, **walks: Walk) -> Picture:
    """One panel for each walk, whose names are the labels, and one with the losses of all."""
    paths = [
        Panel(
            "Path over the valley" if len(walks) == 1 else f"Path, {label}",
            "x, along the valley",
            "y, across it",
            (Line(label, walk),),
            kind="path",
            window=(-0.75, 1.15, -1.15, 1.15),
        )
        for label, walk in walks.items()
    ]
    lines = tuple(Line(label, _losses_of(walk)) for label, walk in walks.items())
    loss = Panel("Loss on the way", "step", "L", lines, scale="log y")
    return Picture(f"{setting}; {STEPS} steps on L = ½(x² + 100y²) from (1, 1)", (*paths, loss))


MOMENTUM: dict[str, Any] = {"momentum": 0.9}

OPTIMIZERS = {
    "sgd_step": _valley("η = 0.018", path=_walk("sgd_step", 0, lr=0.018)),
    "momentum_step": _valley(
        "η = 0.01, γ = 0.9",
        classical=_walk("momentum_step", 1, lr=0.01, **MOMENTUM),
        Nesterov=_walk("momentum_step", 1, lr=0.01, nesterov=True, **MOMENTUM),
    ),
    "adagrad_step": _valley("η = 0.3", path=_walk("adagrad_step", 1, lr=0.3)),
    "rmsprop_step": _valley("η = 0.05, ρ = 0.9", path=_walk("rmsprop_step", 1, lr=0.05)),
    "adam_step": _valley("η = 0.1", path=_walk("adam_step", 2, counted=True, lr=0.1)),
    "adamw_step": _valley("η = 0.1, λ = 0.5", path=_walk("adamw_step", 2, counted=True, lr=0.1, weight_decay=0.5)),
    "MomentumSGD": _valley(
        "η = 0.01, γ = 0.9",
        classical=_walk_of_an_object("MomentumSGD", 0.01, **MOMENTUM),
        Nesterov=_walk_of_an_object("MomentumSGD", 0.01, nesterov=True, **MOMENTUM),
    ),
}


# Chapters 4 and 10: the learning rate, step by step.

RATE = "learning rate"


def _rates(ask: Callable[[Array], Any], last: int) -> Ask:
    """The rates at steps 0 … last, asked for with one array."""
    steps = np.arange(last + 1)
    return lambda: np.column_stack([steps, array(ask(steps), steps.shape)])


def _schedule(setting: str, *lines: Line, x: str = "step") -> Picture:
    return Picture(setting, (Panel("Learning rate by step", x, RATE, lines),))


def _of_steps(kata: str, label: str, **options: Any) -> Line:
    return Line(label, _rates(lambda steps: getattr(schedules, kata)(steps, **options), 120))


def _warmup(steps: int, total: int = 100, label: str = "") -> Line:
    ask = _rates(lambda at: schedules.WarmupCosineDecay(1e-3, steps, total)(at), 120)
    return Line(label or f"warmup_steps {steps}", ask)


def _whole_run(fraction: float, every: int = 1) -> Line:
    """The capstone's schedule promises an answer for one step at a time."""

    def ask() -> Array:
        schedule = capstone.make_schedule(samples=1000, batch_size=128, epochs=12, warmup_fraction=fraction)
        return _over(np.arange(0, 111, every), lambda step: number(schedule(int(step))))

    return Line(f"warmup_fraction {fraction:g}", ask)


STALLING = [1.0, 0.72, 0.55, 0.44, 0.38, 0.36, 0.361, 0.36, 0.362, 0.361, 0.30, 0.26, 0.24]
STALLING += [0.239, 0.24, 0.241, 0.24, 0.24, 0.241, 0.24, 0.225, 0.222, 0.222, 0.223, 0.222, 0.222]
"""The losses of a made-up training that stalls three times."""


def _plateau(label: str, **options: Any) -> Line:
    epochs = np.arange(1, len(STALLING) + 1)

    def ask() -> Array:
        rates = parts(schedules.reduce_on_plateau(STALLING, initial_lr=1e-2, **options), len(STALLING))
        return np.column_stack([epochs, [number(rate) for rate in rates]])

    return Line(label, ask)


DECAY = {"initial_lr": 0.01, "decay_steps": 30, "decay_rate": 0.5}
COSINE = {"initial_lr": 0.01, "decay_steps": 90}

SCHEDULES = {
    "exponential_decay": _schedule(
        "initial_lr 0.01, halved every 30 steps",
        _of_steps("exponential_decay", "smooth", **DECAY),
        _of_steps("exponential_decay", "staircase", **DECAY, staircase=True),
    ),
    "cosine_decay": _schedule(
        "initial_lr 0.01, decay_steps 90",
        _of_steps("cosine_decay", "α = 0", **COSINE),
        _of_steps("cosine_decay", "α = 0.2", **COSINE, alpha=0.2),
    ),
    "piecewise_constant": _schedule(
        "boundaries 30 and 60",
        _of_steps("piecewise_constant", "rate", boundaries=[30, 60], values=[8e-3, 4e-3, 1e-3]),
    ),
    "WarmupCosineDecay": _schedule("peak_lr 0.001, total_steps 100", _warmup(20), _warmup(0)),
    "reduce_on_plateau": Picture(
        "a made-up training that stalls three times",
        (
            Panel("Loss after each epoch", "epoch", "loss", (), given=np.array(list(enumerate(STALLING, 1)))),
            Panel(
                "Learning rate after it",
                "epoch",
                RATE,
                (_plateau("patience 3", patience=3), _plateau("patience 3, cooldown 4", patience=3, cooldown=4)),
                kind="steps",
                scale="log y",
            ),
        ),
    ),
    "make_schedule": _schedule(
        "1000 samples in batches of 128, 12 epochs: 96 updates", _whole_run(0.25), _whole_run(0.0), x="update"
    ),
}


# Chapter 7: rules of thumb over the size that they depend on.


def _rule(kata: str, at: Array, label: str, argument: str, *first: Any, **options: Any) -> Line:
    def ask() -> Array:
        rule = getattr(accumulation, kata)
        return _over(at, lambda x: number(rule(*first, **{argument: int(x)}, **options)))

    return Line(label, ask)


SIZES = np.arange(16, 513, 8)
SAMPLES = np.arange(0, 101)

RULES = {
    "linear_scaling_rule": Picture(
        "base_lr 0.1",
        (
            Panel(
                "Learning rate by batch size",
                "batch size, in samples",
                RATE,
                tuple(
                    _rule("linear_scaling_rule", SIZES, f"base_batch_size {b}", "batch_size", 0.1, base_batch_size=b)
                    for b in (64, 256)
                ),
            ),
        ),
    ),
    "updates_per_epoch": Picture(
        "batch_size 8",
        (
            Panel(
                "Updates by number of samples",
                "samples",
                "updates in an epoch",
                (
                    _rule("updates_per_epoch", SAMPLES, "every batch", "samples", batch_size=8),
                    _rule(
                        "updates_per_epoch",
                        SAMPLES,
                        "accumulation_steps 3",
                        "samples",
                        batch_size=8,
                        accumulation_steps=3,
                    ),
                    _rule(
                        "updates_per_epoch",
                        SAMPLES,
                        "the same, drop_remainder",
                        "samples",
                        batch_size=8,
                        accumulation_steps=3,
                        drop_remainder=True,
                    ),
                ),
                kind="steps",
            ),
        ),
    ),
}


# Chapter 8: gradients before and after clipping, limit 1.

GRADIENTS = np.array([[2.4, 0.8], [-0.3, 0.55], [-0.9, -1.3]])
NAMES = ("first gradient", "second", "third")
DIRECTION = np.array([0.8, 0.6])
LENGTHS = np.round(np.linspace(0, 3, 61), 3)
Clip = Callable[[list[Array]], Any]
"""Gives the clipped gradients for a list of gradients, limit 1."""


def _clip(kata: str, *, with_norm: bool = False, limit: float = 1.0) -> Clip:
    def clip(gradients: list[Array]) -> Sequence[Any]:
        answer = getattr(clipping, kata)([tensor(g, np.float32) for g in gradients], limit)
        return parts(parts(answer, 2)[0] if with_norm else answer, len(gradients))

    return clip


def _clipped(clip: Clip, number_of: int) -> Ask:
    return lambda: array(clip(list(GRADIENTS))[number_of], (2,))[np.newaxis]


def _lengths(clip: Clip, number_of: int, at: Array = LENGTHS) -> Ask:
    """The length after clipping over that of the first of two gradients; the second is half as long and turned."""

    def ask() -> Array:
        return _over(at, lambda x: float(np.linalg.norm(array(clip(_pair(x))[number_of], (2,)))))

    return ask


def _pair(length: float) -> list[Array]:
    return [length * DIRECTION, length / 2 * np.array([-DIRECTION[1], DIRECTION[0]])]


def _vectors(kata: str, limit: Literal["box", "circle"], *, with_norm: bool = False) -> Picture:
    clip = _clip(kata, with_norm=with_norm)
    arrows = tuple(Line(name, _clipped(clip, i)) for i, name in enumerate(NAMES))
    lengths = tuple(Line(name, _lengths(clip, i)) for i, name in enumerate(NAMES[:2]))
    return Picture(
        "limit 1; gradients in any one unit",
        (
            Panel("Three gradients", "∂L/∂w₁", "∂L/∂w₂", arrows, kind="arrows", given=GRADIENTS, limit=limit),
            Panel("Lengths of two, one half as long", "length of the first before", "length after", lengths),
        ),
    )


CLIPPING = {
    "clip_by_value": _vectors("clip_by_value", "box"),
    "clip_by_norm": _vectors("clip_by_norm", "circle"),
    "clip_by_global_norm": _vectors("clip_by_global_norm", "circle", with_norm=True),
}


# Chapter 9: the search for the loss scale, and rounded units.

UPDATES = 120


def _scales(label: str, initial_scale: float, growth_steps: int) -> Line:
    """The scale after each update of a training whose gradients overflow above 2¹³, and from step 60 on above 2¹⁰."""

    def ask() -> Array:
        scaler = mixed.DynamicLossScale(initial_scale=initial_scale, growth_steps=growth_steps)
        scale, points = number(read(scaler, "scale")), []
        for step in range(UPDATES):
            points.append((step, scale))
            overflows = not scale <= (2.0**13 if step < UPDATES // 2 else 2.0**10)
            scaler.update([tensor([1.0, np.inf if overflows else 2.0], np.float32)])
            scale = number(read(scaler, "scale"))
        return np.array([*points, (UPDATES, scale)])

    return Line(label, ask)


def _rounded(multiple: int) -> Line:
    at = np.arange(1, 41)
    return Line(
        f"multiple {multiple}",
        lambda: _over(at, lambda units: number(mixed.round_up_to_multiple(int(units), multiple))),
    )


PRECISION = {
    "DynamicLossScale": Picture(
        "gradients overflow above 2¹³, from step 60 on above 2¹⁰",
        (
            Panel(
                "Loss scale by step",
                "step",
                "loss scale",
                (_scales("from 2¹⁵, growth_steps 20", 2.0**15, 20), _scales("from 2⁸, growth_steps 10", 2.0**8, 10)),
                kind="steps",
                scale="log2 y",
            ),
        ),
    ),
    "round_up_to_multiple": Picture(
        "",
        (Panel("Units after rounding", "units asked for", "units given", (_rounded(8), _rounded(12)), kind="steps"),),
    ),
}


PICTURES: dict[str, Picture] = {**LOSSES, **OPTIMIZERS, **SCHEDULES, **RULES, **CLIPPING, **PRECISION}
"""The picture of every kata that has one."""


def picture_of(kata: str) -> Picture:
    """The picture of `kata`.

    Raises:
        ValueError: it has none; the message names those that do.
    """
    if kata not in PICTURES:
        raise ValueError(f"there is nothing to draw for {kata}; there is for {', '.join(PICTURES)}")
    return PICTURES[kata]
