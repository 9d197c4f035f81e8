"""What can be moved in a kata's picture, and the picture as it is then: the same panels, asked with other arguments."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kata.learn.plot import pictures as all_pictures
from kata.learn.plot.pictures import Array, Line, Panel, Picture, picture_of

Values = Mapping[str, float]
"""Where each handle stands, by its name."""


@dataclass(frozen=True)
class Handle:
    """One number that a picture depends on.

    Args:
        name: the argument's name in the kata.
        symbol: how formulas call it.
        low, high: between these the picture says something.
        start: where it stands at first.
        step: by how much a key moves it.
        power: of what the value is a power, where it stands for an exponent; 0 where it is the value itself.
    """

    name: str
    symbol: str
    low: float
    high: float
    start: float
    step: float
    power: int = 0

    def clamped(self, value: float) -> float:
        """`value`, or the nearest that is allowed; `start` for what is no number."""
        if not math.isfinite(value):
            return self.start
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return round(min(self.low + steps * self.step, self.high), 10)

    def argument(self, value: float) -> float:
        """What the kata is given when the handle stands at `value`."""
        if self.power:
            return float(math.pow(self.power, value))
        return int(value) if float(self.step).is_integer() else value

    def shown(self, value: float) -> str:
        """The value as it is read: δ = 1.5."""
        if self.power == 10:
            return f"{self.symbol} = {10.0**value:.1e}" if value % 1 else f"{self.symbol} = 1e{int(value)}"
        return f"{self.symbol} = {self.argument(value):g}"


@dataclass(frozen=True)
class Movable:
    """The handles of a picture, and what makes it."""

    handles: tuple[Handle, ...]
    draw: Callable[..., Picture]

    def values(self, values: Values) -> dict[str, float]:
        """A value for every handle, each within its ends."""
        return {handle.name: handle.clamped(float(values.get(handle.name, handle.start))) for handle in self.handles}

    def picture(self, values: Values) -> Picture:
        """The picture with the handles at `values`."""
        found = self.values(values)
        return self.draw(**{handle.name: handle.argument(found[handle.name]) for handle in self.handles})


# A hand that moves wants to see at once: fewer points than in a picture that is looked at for long.

ERRORS = np.round(np.linspace(-3, 3, 25), 3)
PROBABILITIES = all_pictures.PROBABILITIES[::2]
STEPS = 40
YOURS = "as set"


def _slopes(case: all_pictures._Case, at: Array) -> Line:
    """The gradient at all points of `at`, asked for at once: each is a sample of one batch, whose mean is the loss."""

    def ask() -> Array:
        batches = [case.batch(float(x)) for x in at]
        labels, predictions = (np.stack([batch[i][0] for batch in batches]) for i in (0, 1))
        gradient = all_pictures.gradient_of(case.make(), labels, predictions, **case.options)
        first = gradient.reshape(len(at), -1)[:, 0]
        return np.column_stack([at, len(at) * first])

    return Line(case.label, ask)


def _loss_panels(case: all_pictures._Case, at: Array, x: str, units: tuple[str, str], setting: str) -> Picture:
    loss = Panel("Loss", x, units[0], (case.loss(at),))
    return Picture(setting, (loss, Panel("Its gradient", x, units[1], (_slopes(case, at),))))


def _regression(kata: str, batch: all_pictures.Batch, setting: str, **options: float) -> Picture:
    case = all_pictures._case(YOURS, kata, batch, **options)
    units = "loss, in units² of y", "∂loss/∂ŷ, in units of y"
    return _loss_panels(case, ERRORS, "error ŷ − y, in units of y", units, setting)


def _huber(delta: float) -> Picture:
    return _regression("huber", all_pictures._opposite_errors, all_pictures.OPPOSITE, delta=delta)


def _weighted(under_weight: float) -> Picture:
    return _regression("weighted_mse", all_pictures._errors, all_pictures.TWICE, under_weight=under_weight)


def _focal(gamma: float, alpha: float) -> Picture:
    case = all_pictures._focal(gamma, alpha)
    units = "loss, in nats", "∂loss/∂p, in nats"
    x = "probability of the true class"
    return _loss_panels(case, PROBABILITIES, x, units, all_pictures.REORDERED)


def _once(walk: all_pictures.Walk) -> all_pictures.Walk:
    """The path and its losses are the same walk: it is asked for once of each implementation."""
    found: list[Array] = []

    def walked() -> Array:
        if not found:
            found.append(walk())
        return found[-1]

    return walked


def _valley(walk: all_pictures.Walk) -> Picture:
    path = _once(walk)

    def first() -> Array:  # the first of the two lines begins anew, for the other implementation
        walked = _once(walk)
        nonlocal path
        path = walked
        return walked()

    loss = Line(YOURS, all_pictures._losses_of(lambda: path()))
    x, y = "x, along the valley", "y, across it"
    window = (-0.75, 1.15, -1.15, 1.15)
    return Picture(
        f"{STEPS} steps on L = ½(x² + 100y²) from (1, 1)",
        (
            Panel("Path over the valley", x, y, (Line(YOURS, first),), kind="path", window=window),
            Panel("Loss on the way", "step", "L", (loss,), scale="log y"),
        ),
    )


def _step(kata: str, states: int, *, counted: bool = False) -> Callable[..., Picture]:
    def draw(**options: float) -> Picture:
        return _valley(all_pictures._walk(kata, states, counted=counted, steps=STEPS, **options))

    return draw


def _optimizer(lr: float, momentum: float) -> Picture:
    return _valley(all_pictures._walk_of_an_object("MomentumSGD", lr, steps=STEPS, momentum=momentum))


def _schedule(kata: str, **fixed: float) -> Callable[..., Picture]:
    def draw(**options: float) -> Picture:
        return all_pictures._schedule("", all_pictures._of_steps(kata, YOURS, **fixed, **options))

    return draw


def _warmup(warmup_steps: int, total_steps: int) -> Picture:
    # Warm-up cannot be longer than the whole.
    warmup = min(warmup_steps, total_steps - 1)
    return all_pictures._schedule("peak_lr 0.001", all_pictures._warmup(warmup, total_steps, YOURS))


def _run(warmup_fraction: float) -> Picture:
    line = all_pictures._whole_run(warmup_fraction, every=3)
    return all_pictures._schedule("1000 samples in batches of 128, 12 epochs: 96 updates", line, x="update")


def _plateau(patience: int, cooldown: int, factor: float) -> Picture:
    loss, rate = picture_of("reduce_on_plateau").panels
    line = all_pictures._plateau(YOURS, patience=patience, cooldown=cooldown, factor=factor)
    return Picture("a made-up training that stalls three times", (loss, _with_lines(rate, line)))


def _with_lines(panel: Panel, *lines: Line) -> Panel:
    import dataclasses

    return dataclasses.replace(panel, lines=lines)


def _one_panel(kata: str, setting: str, make: Callable[..., Line]) -> Callable[..., Picture]:
    """The first panel of the kata's picture with one line, which `make` makes of the handles."""

    def draw(**values: float) -> Picture:
        return Picture(setting, (_with_lines(picture_of(kata).panels[0], make(**values)),))

    return draw


def _scaling(base_batch_size: int) -> Line:
    rule = all_pictures._rule
    return rule("linear_scaling_rule", all_pictures.SIZES, YOURS, "batch_size", 0.1, base_batch_size=base_batch_size)


def _updates(batch_size: int, accumulation_steps: int) -> Line:
    options = {"batch_size": batch_size, "accumulation_steps": accumulation_steps}
    return all_pictures._rule("updates_per_epoch", all_pictures.SAMPLES, YOURS, "samples", **options)


def _scaler(exponent: float, growth_steps: int) -> Line:
    return all_pictures._scales(YOURS, exponent, growth_steps)


def _clipping(kata: str, *, with_norm: bool = False) -> Callable[..., Picture]:
    def draw(limit: float) -> Picture:
        clip = all_pictures._clip(kata, with_norm=with_norm, limit=limit)
        arrows, lengths = picture_of(kata).panels
        tips = (Line(name, all_pictures._clipped(clip, i)) for i, name in enumerate(all_pictures.NAMES))
        at = all_pictures.LENGTHS[::3]
        curves = (Line(name, all_pictures._lengths(clip, i, at)) for i, name in enumerate(all_pictures.NAMES[:2]))
        shown = Panel(arrows.title, arrows.x, arrows.y, tuple(tips), kind="arrows", given=arrows.given)
        return Picture("gradients in any one unit", (shown, _with_lines(lengths, *curves)))

    return draw


_LR = functools.partial(Handle, "lr", "η")
_EPSILON = Handle("epsilon", "ε", -8, 0, -7, 1, power=10)
_BETAS = Handle("beta_1", "β₁", 0, 0.99, 0.9, 0.01), Handle("beta_2", "β₂", 0.5, 0.999, 0.999, 0.001)
_LIMIT = Handle("limit", "limit", 0.1, 3, 1, 0.05)
_MOMENTUM = Handle("momentum", "γ", 0, 0.99, 0.9, 0.01)

MOVABLE: dict[str, Movable] = {
    "huber": Movable((Handle("delta", "δ", 0.1, 3, 1, 0.05),), _huber),
    "weighted_mse": Movable((Handle("under_weight", "u", 0.1, 5, 2, 0.1),), _weighted),
    "FocalLoss": Movable((Handle("gamma", "γ", 0, 5, 2, 0.1), Handle("alpha", "α", 0.05, 1, 0.25, 0.05)), _focal),
    "sgd_step": Movable((_LR(0.001, 0.021, 0.018, 0.001),), _step("sgd_step", 0)),
    "momentum_step": Movable((_LR(0.001, 0.03, 0.01, 0.001), _MOMENTUM), _step("momentum_step", 1)),
    "adagrad_step": Movable((_LR(0.01, 1, 0.3, 0.01), _EPSILON), _step("adagrad_step", 1)),
    "rmsprop_step": Movable(
        (_LR(0.005, 0.2, 0.05, 0.005), Handle("rho", "ρ", 0, 0.99, 0.9, 0.01), _EPSILON), _step("rmsprop_step", 1)
    ),
    "adam_step": Movable((_LR(0.01, 0.5, 0.1, 0.01), *_BETAS, _EPSILON), _step("adam_step", 2, counted=True)),
    "adamw_step": Movable(
        (_LR(0.01, 0.5, 0.1, 0.01), Handle("weight_decay", "λ", 0, 2, 0.5, 0.05), *_BETAS, _EPSILON),
        _step("adamw_step", 2, counted=True),
    ),
    "MomentumSGD": Movable((_LR(0.001, 0.03, 0.01, 0.001), _MOMENTUM), _optimizer),
    "exponential_decay": Movable(
        (Handle("decay_steps", "decay_steps", 5, 100, 30, 1), Handle("decay_rate", "decay_rate", 0.1, 1, 0.5, 0.05)),
        _schedule("exponential_decay", initial_lr=0.01),
    ),
    "cosine_decay": Movable(
        (Handle("decay_steps", "decay_steps", 10, 120, 90, 1), Handle("alpha", "α", 0, 1, 0.2, 0.05)),
        _schedule("cosine_decay", initial_lr=0.01),
    ),
    "WarmupCosineDecay": Movable(
        (Handle("warmup_steps", "warmup_steps", 0, 60, 20, 1), Handle("total_steps", "total_steps", 20, 120, 100, 1)),
        _warmup,
    ),
    "make_schedule": Movable((Handle("warmup_fraction", "warmup_fraction", 0, 0.9, 0.25, 0.05),), _run),
    "reduce_on_plateau": Movable(
        (
            Handle("patience", "patience", 1, 8, 3, 1),
            Handle("cooldown", "cooldown", 0, 8, 0, 1),
            Handle("factor", "factor", 0.1, 0.9, 0.5, 0.05),
        ),
        _plateau,
    ),
    "linear_scaling_rule": Movable(
        (Handle("base_batch_size", "B₀", 16, 512, 256, 16),), _one_panel("linear_scaling_rule", "base_lr 0.1", _scaling)
    ),
    "updates_per_epoch": Movable(
        (
            Handle("batch_size", "batch_size", 1, 32, 8, 1),
            Handle("accumulation_steps", "accumulation_steps", 1, 8, 3, 1),
        ),
        _one_panel("updates_per_epoch", "", _updates),
    ),
    "clip_by_value": Movable((_LIMIT,), _clipping("clip_by_value")),
    "clip_by_norm": Movable((_LIMIT,), _clipping("clip_by_norm")),
    "clip_by_global_norm": Movable((_LIMIT,), _clipping("clip_by_global_norm", with_norm=True)),
    "DynamicLossScale": Movable(
        (
            Handle("exponent", "initial_scale", 0, 20, 15, 1, power=2),
            Handle("growth_steps", "growth_steps", 2, 40, 20, 1),
        ),
        _one_panel("DynamicLossScale", picture_of("DynamicLossScale").setting, _scaler),
    ),
    "round_up_to_multiple": Movable(
        (Handle("multiple", "multiple", 1, 32, 8, 1),),
        _one_panel("round_up_to_multiple", "", lambda multiple: all_pictures._rounded(multiple)),
    ),
}
"""The katas whose picture has handles; the others' pictures stand still."""
