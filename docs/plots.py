"""Draws the lessons' pictures from the reference solutions: `uv run python -m docs.plots`.

Everything in them is what the functions in `solutions/` return; nothing is drawn from a formula of its own.
The same versions give the same bytes: no date, fixed identifiers, values rounded to what can be seen.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, Rectangle

from kata.learn.plot.pictures import STALLING
from kata.learn.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, STYLE
from solutions import ch02_losses as losses
from solutions import ch03_optimizers as optimizers
from solutions import ch04_schedules as schedules
from solutions import ch08_clipping as clipping
from solutions import ch09_mixed_precision as mixed

FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "plots"

Array = np.ndarray[Any, Any]


def _each(function: Callable[[tf.Tensor], tf.Tensor], at: Array) -> tuple[Array, Array]:
    """The values and the derivatives of a scalar `function` at each of the points `at`."""
    values, slopes = [], []
    for point in at.astype(np.float32):
        x = tf.constant([point])
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        values.append(float(value))
        slopes.append(float(tape.gradient(value, x)[0]))
    return np.round(values, 4), np.round(slopes, 4)


def loss_shapes() -> Figure:
    """Chapter 2: four regression losses, and the cross-entropies, with what each sends back."""
    figure, ((top_left, top_right), (left, right)) = plt.subplots(2, 2, figsize=(8, 6))
    zero = np.zeros(1, np.float32)
    errors = np.sort(np.append(np.round(np.linspace(-3, 3, 61), 3), [-0.001, 0.001]))  # absolute: steep at 0
    regression = {
        "squared": (losses.mean_squared_error, BLUE),
        "absolute": (losses.mean_absolute_error, ORANGE),
        "Huber, δ = 1": (losses.huber, GREEN),
        "weighted squared": (losses.weighted_mse, PURPLE),
    }
    for name, (loss, colour) in regression.items():
        values, slopes = _each(lambda prediction, loss=loss: loss(zero, prediction), errors)
        style = {"color": colour, "label": name, "linestyle": "--" if name.startswith("weighted") else "-"}
        top_left.plot(errors, values, **style)
        top_right.plot(errors, slopes, **style)
    top_left.set(title="Loss of one prediction", xlabel="ŷ − y", ylim=(0, 5))
    top_right.set(title="Its gradient: how hard it pulls", xlabel="ŷ − y", ylim=(-6.5, 6.5))
    top_left.legend(loc="upper center", fontsize=8)
    top_right.axhline(0, color=GREY, linewidth=0.6)

    probabilities = np.round(np.linspace(0.1, 0.995, 50) ** 2, 4)  # closer together where the curves are steep
    for gamma, colour in ((0.0, BLUE), (1.0, GREEN), (2.0, ORANGE), (5.0, RED)):
        focal = losses.FocalLoss(gamma=gamma, alpha=1.0)
        truth = np.array([[1.0, 0.0]], np.float32)
        values, _ = _each(lambda p, focal=focal, truth=truth: focal(truth, tf.stack([p, 1 - p], axis=1)), probabilities)
        name = f"γ = {gamma:g}" + ("" if gamma else " (cross-entropy)")
        left.plot(probabilities, values, color=colour, label=name)
    left.set(title="Focal loss, α = 1: easy samples weigh less", xlabel="probability of the true class", ylim=(0, 4.7))
    left.legend(fontsize=8)

    logits = np.round(np.linspace(-25, 25, 161), 3)
    one = np.ones(1, np.float32)
    _, from_probability = _each(lambda z: losses.binary_crossentropy(one, tf.sigmoid(z)), logits)
    _, from_logits = _each(lambda z: losses.binary_crossentropy_from_logits(one, z), logits)
    right.plot(logits, from_logits, color=BLUE, label="from logits")
    right.plot(logits, from_probability, color=RED, linestyle="--", label="from a clipped probability")
    right.text(-15, -0.6, "clipped:\nno gradient\nwhere it is\nmost needed", fontsize=8, color=RED)
    right.set(title="Gradient of the binary cross-entropy, y = 1", xlabel="logit", ylim=(-1.1, 0.35))
    right.legend(loc="upper right", fontsize=8)
    return figure


Step = Callable[[int, tf.Tensor, tf.Tensor], tf.Tensor]
CURVATURES = np.array([1.0, 100.0], np.float32)


def _stateful(step: Callable[..., tuple[tf.Tensor, ...]], states: int, **arguments: Any) -> Step:
    """A step that keeps its state from one call to the next; Adam's counts the steps as well."""
    state: list[tf.Tensor] = [tf.zeros(2)] * states

    def call(t: int, w: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
        nonlocal state
        counted = (t,) if states == 2 else ()
        w, *state = step(w, *state, g, *counted, **arguments)
        return w

    return call


def _path(step: Step, steps: int) -> Array:
    """The points from (1, 1) on, and the loss ½(x² + 100y²) is what the gradient is of."""
    w = tf.ones(2)
    points = [w.numpy()]
    for t in range(1, steps + 1):
        w = step(t, w, w * CURVATURES)
        points.append(w.numpy())
    return np.array(points)


def optimizer_paths() -> Figure:
    """Chapter 3: six optimizers on the lesson's narrow valley, from the same start, the same number of steps."""
    steps = 80
    momentum = {"lr": 0.01, "momentum": 0.9}
    runs: dict[str, Step] = {
        "SGD, η = 0.018": lambda t, w, g: optimizers.sgd_step(w, g, lr=0.018),
        "momentum 0.9, η = 0.01": _stateful(optimizers.momentum_step, 1, **momentum),
        "Nesterov 0.9, η = 0.01": _stateful(optimizers.momentum_step, 1, nesterov=True, **momentum),
        "Adagrad, η = 0.3": _stateful(optimizers.adagrad_step, 1, lr=0.3),
        "RMSProp, η = 0.05": _stateful(optimizers.rmsprop_step, 1, lr=0.05),
        "Adam, η = 0.1": _stateful(optimizers.adam_step, 2, lr=0.1),
    }
    figure, panels = plt.subplots(2, 3, figsize=(9, 5.4), sharex=True, sharey=True)
    for panel, (name, step) in zip(panels.flat, runs.items(), strict=True):
        for level in (0.02, 0.15, 1, 8):
            width, height = 2 * np.sqrt(2 * level / CURVATURES)
            panel.add_patch(Ellipse((0, 0), width, height, fill=False, edgecolor="#c8c8c8", linewidth=0.8))
        path = _path(step, steps)
        final = float(np.sum(CURVATURES * path[-1] ** 2) / 2)
        points = np.round(path, 3)
        points = points[[True, *np.any(np.diff(points, axis=0), axis=1)]]
        panel.plot(*points.T, color=BLUE, linewidth=0.8)
        # The dots are the shortest of strokes with round ends: one path, where eighty markers would be eighty.
        dots = np.stack([points, points + np.array([2e-3, 0.0]), np.full_like(points, np.nan)], axis=1).reshape(-1, 2)
        panel.plot(*dots.T, color=BLUE, linewidth=2.8, solid_capstyle="round", snap=False)
        panel.plot(*points[0], color=ORANGE, marker="o", markersize=6)
        panel.plot(0, 0, color=RED, marker="x", markersize=7, markeredgewidth=2)
        panel.set(title=name, xlim=(-0.75, 1.15), ylim=(-1.1, 1.15))
        panel.text(1.1, -1.04, f"L = {final:.2g}", ha="right", fontsize=9)
    title = f"{steps} steps on L = ½(x² + 100y²), from (1, 1) to the minimum at ×"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.supxlabel("x, along the valley", fontsize=9)
    figure.supylabel("y, across it", fontsize=9)
    return figure


def schedule_shapes() -> Figure:
    """Chapter 4: the schedules by step number."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    steps = np.arange(0, 10000, 50)
    cosine = {"initial_lr": 1e-2, "decay_steps": 8000}
    exponential = {"initial_lr": 1e-2, "decay_steps": 2000, "decay_rate": 0.5}
    piecewise = {"boundaries": [3000, 6000], "values": [8e-3, 4e-3, 1e-3]}
    # A staircase is already at its new value at a boundary, piecewise still at the old one.
    decays = {
        "exponential, 0.5 per 2000": (schedules.exponential_decay(steps, **exponential), BLUE, "-", "default"),
        "the same, a staircase": (
            schedules.exponential_decay(steps, **exponential, staircase=True),
            BLUE,
            "--",
            "steps-post",
        ),
        "cosine to 0": (schedules.cosine_decay(steps, **cosine), GREEN, "-", "default"),
        "cosine, α = 0.1": (schedules.cosine_decay(steps, **cosine, alpha=0.1), GREEN, "--", "default"),
        "piecewise": (schedules.piecewise_constant(steps, **piecewise), ORANGE, "-", "steps-pre"),
    }
    for name, (rates, colour, line, drawn) in decays.items():
        left.plot(steps, np.round(rates, 7), color=colour, linestyle=line, drawstyle=drawn, label=name)
    left.set(title="Decays from 0.01", xlabel="step", ylabel="learning rate", ylim=(0, 0.0107))
    left.legend(fontsize=8)
    for warmup, colour in ((0, GREY), (1000, BLUE), (3000, ORANGE)):
        longer = np.arange(0, 12001, 100)
        rates = schedules.WarmupCosineDecay(1e-3, warmup, 10000)(longer)
        right.plot(longer, np.round(rates, 8), color=colour, label=f"{warmup} steps of warm-up")
    right.axvline(10000, ymax=0.5, color=GREY, linewidth=0.6, linestyle=":")
    right.text(10100, 2.2e-4, "total_steps:\n0 from here on", fontsize=8, color=GREY)
    right.set(title="Warm-up, then cosine: peak 0.001", xlabel="step", ylim=(0, 1.07e-3), xlim=(-300, 12900))
    right.legend(fontsize=8, loc="upper right")
    return figure


def plateau_run() -> Figure:
    """Chapter 4: a training that stalls, and the rate that answers it, with and without a cool-down."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4.4), sharex=True, height_ratios=(3, 2))
    epochs = np.arange(1, len(STALLING) + 1)
    rates = schedules.reduce_on_plateau(STALLING, initial_lr=1e-2, patience=3, cooldown=0)
    cooled = schedules.reduce_on_plateau(STALLING, initial_lr=1e-2, patience=3, cooldown=4)
    top.plot(epochs, STALLING, color=BLUE, marker="o", markersize=3)
    cuts = [epoch for epoch, before, after in zip(epochs[1:], rates, rates[1:], strict=False) if after < before]
    for axes in (top, bottom):
        for cut in cuts:
            axes.axvline(cut, color=GREY, linewidth=0.7, linestyle=":")
    top.text(cuts[0] + 0.3, 0.62, "three epochs without\nimprovement:\nthe rate is halved", fontsize=8)
    top.text(cuts[2] + 0.3, 0.62, "a cool-down lets\nthe last cut\ntake effect first", fontsize=8, color=GREEN)
    top.set(title="Loss after each epoch", ylim=(0.15, 1.05))
    bottom.step(epochs, rates, where="post", color=ORANGE, label="patience 3")
    bottom.step(epochs, cooled, where="post", color=GREEN, linestyle="--", label="patience 3, cooldown 4")
    bottom.set(title="Learning rate after it", xlabel="epoch", yscale="log")
    bottom.set_yticks([1e-2, 5e-3, 2.5e-3, 1.25e-3, 6.25e-4], ["0.01", "0.005", "0.0025", "0.00125", "0.000625"])
    bottom.minorticks_off()
    bottom.legend(fontsize=8)
    return figure


def clipped_vectors() -> Figure:
    """Chapter 8: what each way of clipping does to the gradients of two layers, limit 1."""
    gradients = [tf.constant([2.4, 0.8]), tf.constant([-0.3, 0.55])]
    ways: dict[str, tuple[Sequence[tf.Tensor | None], Any]] = {
        "by value: each component": (clipping.clip_by_value(gradients, 1.0), Rectangle((-1, -1), 2, 2)),
        "by norm: each vector": (clipping.clip_by_norm(gradients, 1.0), Circle((0, 0), 1)),
        "by global norm: all by one factor": (clipping.clip_by_global_norm(gradients, 1.0)[0], Circle((0, 0), 1)),
    }
    figure, panels = plt.subplots(1, 3, figsize=(9, 2.6), sharex=True, sharey=True)
    for panel, (name, (clipped, limit)) in zip(panels, ways.items(), strict=True):
        limit.set(facecolor="#eeeeee", edgecolor=GREY, linewidth=0.8)
        panel.add_patch(limit)
        for before, after, colour in zip(gradients, clipped, (BLUE, ORANGE), strict=True):
            _arrow(panel, np.asarray(before), colour, alpha=0.35)
            _arrow(panel, np.asarray(after), colour, alpha=1.0)
        panel.set(title=name, aspect="equal", xlim=(-1.2, 2.6), ylim=(-1.15, 1.2))
        panel.set(xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1])
    factor = f"÷ {float(clipping.global_norm(gradients)):.2f}"
    said = [("as it was", "turned"), ("as it was", "shortened"), (factor, factor)]
    for panel, notes in zip(panels, said, strict=True):
        panel.text(-0.3, 0.63, notes[0], fontsize=8, ha="center")
        panel.text(0.75, 0.83 if notes[1] == "turned" else 0.42, notes[1], fontsize=8, ha="right")
    panels[0].text(2.4, 0.4, "pale: before", color=BLUE, fontsize=8, ha="right")
    return figure


def _arrow(panel: Axes, tip: Array, colour: str, *, alpha: float) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "alpha": alpha, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", tuple(np.round(tip, 4)), (0, 0), arrowprops=style)


def float16_range() -> Figure:
    """Chapter 9: the share of gradients that float16 loses at each scale, and the search for the scale."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(5, 4))
    top = 44
    exponents = np.arange(0, top + 1)
    lost = np.array([_lost(2.0 ** int(exponent)) for exponent in exponents])
    left.fill_between(exponents, np.round(100 * lost[:, 0], 2), color=BLUE, alpha=0.6, linewidth=0)
    left.fill_between(exponents, 100 - np.round(100 * lost[:, 1], 2), 100, color=RED, alpha=0.6, linewidth=0)
    left.axvline(15, color=GREY, linewidth=0.8, linestyle=":")
    left.text(15.5, 55, "2¹⁵, where\nKeras starts", fontsize=8, color=GREY)
    left.text(6.3, 65, "underflow:\nrounded to 0", fontsize=8, color=BLUE)
    left.text(38, 85, "overflow:\ninf or NaN", fontsize=8, color=RED, ha="right")
    left.set(title="Gradients of the hidden layers", xlabel="loss scale", ylabel="% of values")
    left.set(xlim=(0, top), ylim=(0, 100))
    left.set_xticks(range(0, top, 8), map(_power_of_two, range(0, top, 8)))

    scaler = mixed.DynamicLossScale(initial_scale=2.0**top, growth_steps=20)
    scales, overflows = [], []
    for step in range(120):
        if not scaler.update(_gradients(scaler.scale)):
            overflows.append((step, scaler.scale))
        scales.append(scaler.scale)
    right.step(range(120), np.log2(scales), where="post", color=BLUE)
    at, found = zip(*overflows, strict=True)
    right.plot(at, np.log2(found), "x", color=RED, markersize=5)
    right.text(119, top - 0.5, "× overflow: halved, step skipped", color=RED, fontsize=8, ha="right")
    right.text(119, top - 1.0, "doubled after 20 finite steps", color=BLUE, fontsize=8, ha="right")
    right.set(title="DynamicLossScale looks for the edge", xlabel="step", ylabel="loss scale")
    ticks = range(round(np.log2(min(scales))) - 1, top + 1)
    right.set_yticks(ticks, map(_power_of_two, ticks))
    return figure


def _power_of_two(exponent: int) -> str:
    return "2" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _mixed_model() -> tf.keras.Model:
    """A mixed model of three hidden layers with fixed weights."""
    model = mixed.build_mixed_model(16, hidden=(32, 32, 16))
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.1, weight.shape) for weight in model.get_weights()])
    return model


_MODEL = _mixed_model()


def _gradients(scale: float) -> list[tf.Tensor]:
    """The hidden layers' gradients of a small loss by way of the scale `scale`."""
    generator = np.random.default_rng(1)
    x, y = (generator.normal(size=(32, size)).astype(np.float32) for size in (16, 1))

    def loss(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return 1e-6 * tf.reduce_mean(tf.square(y_true - y_pred))

    *hidden, _, _ = mixed.loss_scaled_gradients(_MODEL, loss, x, y, scale=scale)
    return hidden


def _lost(scale: float) -> tuple[float, float]:
    """The shares of values that are zeros though the gradient is not, and that are not finite."""
    values = np.concatenate([np.ravel(gradient) for gradient in _gradients(scale)])
    best = np.concatenate([np.ravel(gradient) for gradient in _gradients(2.0**15)])
    return float(np.mean((values == 0)[best != 0])), float(np.mean(~np.isfinite(values)))


PICTURES: dict[str, Callable[[], Figure]] = {
    "ch02_losses": loss_shapes,
    "ch03_paths": optimizer_paths,
    "ch04_schedules": schedule_shapes,
    "ch04_plateau": plateau_run,
    "ch08_clipping": clipped_vectors,
    "ch09_float16": float16_range,
}


def _shorten(path: Path) -> None:
    """Round the coordinates of the SVG's paths to a tenth of a point, and drop blanks at the ends of lines."""
    text = re.sub(r'(?<= d=")[^"]*|(?<= [xy]=")[-\d.]+', lambda match: _rounded(match[0]), path.read_text("utf-8"))
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}", numbers)


def draw(folder: Path, suffix: str = "svg") -> Iterator[Path]:
    """Write every picture into `folder` and yield its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, picture in PICTURES.items():
            figure = picture()
            path = folder / f"{name}.{suffix}"
            figure.savefig(path, metadata={"Date": None, "Creator": None} if suffix == "svg" else None, dpi=110)
            plt.close(figure)
            if suffix == "svg":
                _shorten(path)
            yield path


if __name__ == "__main__":
    # `python -m docs.plots FOLDER png` draws them elsewhere as PNG, to look at.
    for written in draw(Path(sys.argv[1]), sys.argv[2]) if len(sys.argv) == 3 else draw(FOLDER):
        print(f"{written.name}: {written.stat().st_size / 1000:.0f} kB")
