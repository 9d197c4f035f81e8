"""The laws of chapter 4: learning rate schedules."""

import contextlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata.testing import (
    LawViolation,
    assert_close,
    assert_number,
    assert_value_error,
    chapter,
    examples,
    expect,
    probes,
    tensor,
)
from tests import strategies
from tests.oracles import ch04_schedules as oracle

schedules = chapter("ch04_schedules")
common = probes("common")
here = probes("ch04_schedules")

SHAPES = strategies.shapes(min_dims=0, max_dims=2, max_side=3)
RATES = st.one_of(st.integers(1, 64).map(lambda n: n / 64), st.sampled_from([0.1, 1e-3, 1e-5, 4.0, 1 / 3]))
"""Learning rates, some as they are in use: no half precision holds 0.1 or 1e-3, and 1/3 has no last digit."""
ZERO_ULPS = 0.25
"""At its end half a cosine is flat: a rounding of its argument is squared, and float32 gives 0 itself."""
LENGTHS = st.one_of(st.integers(1, 1000), st.sampled_from([10_000, 100_000]))
DTYPES = [np.int64, np.float32, np.int32, np.float64, np.uint8, np.float16]


@st.composite
def steps(draw, limit, marks=()):
    """A step as it may come: a Python number, a list, or an array or tensor of any shape, of an integer or float dtype.

    Up to `limit`, with `marks` (boundaries, ends) among them; a part of a step is a quarter: float32 holds it exactly.
    """
    dtype = draw(st.sampled_from(DTYPES))
    whole = np.issubdtype(dtype, np.integer)
    largest = {np.uint8: 255, np.float16: 511}.get(dtype, 2 * limit)  # float16 holds quarters up to 512 only
    anywhere = st.integers(0, 4 * min(limit, largest)).map(lambda n: n / 4)
    beside = [mark + off for mark in marks for off in (0, 0, 1, -1, 0.25) if 0 <= mark + off <= largest]
    number = st.one_of(anywhere, st.sampled_from(beside or [0])).map(lambda n: int(n) if whole else float(n))
    kind = draw(st.sampled_from(["number", "list", "array", "array", "tensor", "tensor"]))
    if kind == "number":
        return draw(number)
    shape = draw(SHAPES)
    size = int(np.prod(shape))
    values = np.array(draw(st.lists(number, min_size=size, max_size=size)), dtype).reshape(shape)
    return values.tolist() if kind == "list" else tensor(values) if kind == "tensor" else values


def assert_rate(actual, expected, *, scale=None, ulps=16):
    """A float32 tensor of the shape of `step` with these values."""
    assert_close(actual, expected, dtype=np.float32, scale=scale, ulps=ulps)


def assert_refused(names, function, *args, **kwargs):
    """A ValueError that names one of the arguments that contradict each other."""
    for name in names[:-1]:
        with contextlib.suppress(LawViolation):
            assert_value_error(name, function, *args, **kwargs)
            return
    assert_value_error(names[-1], function, *args, **kwargs)


def decay_scale(step, initial_lr, decay_steps, decay_rate):
    """A rounding of the exponent p = k/D weighs p·|ln r| times in rᵖ."""
    periods = np.asarray(step, np.float64) / decay_steps
    return oracle.exponential_decay(step, initial_lr, decay_steps, decay_rate) * (1 + periods * -np.log(decay_rate))


FACTORS = st.integers(1, 32).map(lambda n: n / 32)


@pytest.mark.kata("exponential_decay")
class TestExponentialDecay:
    def test_worked_example(self):
        """0.01·0.9^(k/1000) at 0, 1000, 5000: 0.01, 0.009, 0.9⁵·0.01 = 0.0059049."""
        at = np.array([0, 1000, 5000])
        rates = schedules.exponential_decay(at, initial_lr=0.01, decay_steps=1000, decay_rate=0.9)
        assert_rate(rates, np.array([0.01, 0.009, 0.0059049]))

    def test_worked_example_of_a_staircase(self):
        """With D = 10 and r = 1/4 the stairs begin at 10 and 20: 1, 1, 1/4, 1/4, 1/16."""
        at = np.array([0, 9, 10, 19, 20])
        rates = schedules.exponential_decay(at, initial_lr=1.0, decay_steps=10, decay_rate=0.25, staircase=True)
        assert_rate(rates, np.array([1, 1, 1 / 4, 1 / 4, 1 / 16]))

    def test_a_stair_may_be_longer_than_a_byte_counts(self):
        """Steps of uint8, up to 255, and D = 300: all of them lie on the first stair, at 1."""
        at = np.array([0, 100, 255], np.uint8)
        rates = schedules.exponential_decay(at, initial_lr=1.0, decay_steps=300, decay_rate=0.25, staircase=True)
        assert_rate(rates, np.ones(3))

    @given(step=steps(2000), lr=RATES, every=st.integers(100, 1000), rate=FACTORS)
    @example(step=[[0, 100], [200, 50]], lr=0.5, every=100, rate=0.5)
    @example(step=250_000, lr=0.5, every=100_000, rate=0.5)
    @example(step=30_000, lr=0.5, every=100, rate=31 / 32)
    @example(step=1500, lr=0.5, every=100, rate=1.0)
    @example(step=1500, lr=2, every=100, rate=1)
    def test_multiplies_by_the_decay_rate_every_so_many_steps(self, step, lr, every, rate):
        """η₀·r^(k/D) for steps of any shape and dtype, as float32 of that shape."""
        rates = schedules.exponential_decay(step, initial_lr=lr, decay_steps=every, decay_rate=rate)
        want = oracle.exponential_decay(step, lr, every, rate)
        assert_rate(rates, want, scale=decay_scale(step, lr, every, rate))

    @given(
        data=st.data(),
        lr=RATES,
        every=st.integers(2, 100) | st.sampled_from([300, 520, 1000]),
        rate=FACTORS.filter(lambda r: r < 1),
    )
    def test_rounds_the_exponent_down_for_a_staircase(self, data, lr, every, rate):
        """η₀·r^⌊k/D⌋: constant between multiples of D, and the new stair begins at the multiple."""
        step = data.draw(steps(5 * every, marks=(every, 2 * every, 4 * every)))
        rates = schedules.exponential_decay(step, initial_lr=lr, decay_steps=every, decay_rate=rate, staircase=True)
        want = oracle.exponential_decay(step, lr, every, rate, staircase=True)
        assert_rate(rates, want, scale=decay_scale(step, lr, every, rate))

    @examples(5)
    @given(stair=st.integers(0, 4), within=st.integers(1, 9), staircase=st.booleans())
    def test_same_inside_tf_function(self, stair, within, staircase):
        """Inside tf.function, where the step is symbolic, the result is the same (multiples of D are left out)."""
        step = np.array([10 * stair + within, within])
        options = {"initial_lr": 0.5, "decay_steps": 10, "decay_rate": 0.75, "staircase": staircase}
        rates = common.in_graph(schedules.exponential_decay, step, **options)
        assert_rate(rates, oracle.exponential_decay(step, 0.5, 10, 0.75, staircase), scale=0.5)


@pytest.mark.kata("cosine_decay")
class TestCosineDecay:
    def test_worked_example(self):
        """Halfway between 1 and the floor 0.5·1: 0.5·½·(1 + cos 90°) + 0.5 = 0.75; at the end and later 0.5."""
        rates = schedules.cosine_decay(np.array([0, 50, 100, 150]), initial_lr=1.0, decay_steps=100, alpha=0.5)
        assert_rate(rates, np.array([1.0, 0.5 * 0.5 + 0.5, 0.5, 0.5]))

    @given(data=st.data(), lr=RATES, length=LENGTHS, alpha=st.sampled_from([0.0, 0.125, 0.5, 1.0, 0, 1]))
    def test_falls_along_half_a_cosine_to_a_fraction_of_the_initial_rate(self, data, lr, length, alpha):
        """η₀·[(1 - α)·½(1 + cos(π·min(k, T)/T)) + α], for steps of any shape and dtype, as float32 of that shape."""
        step = data.draw(steps(2 * length, marks=(length, 2 * length)))
        rates = schedules.cosine_decay(step, initial_lr=lr, decay_steps=length, alpha=alpha)
        assert_rate(rates, oracle.cosine_decay(step, lr, length, alpha), scale=lr)

    @given(data=st.data(), lr=RATES, length=LENGTHS)
    def test_falls_to_nothing_unless_told_otherwise(self, data, lr, length):
        """Without alpha the rate ends at 0, which a least alpha of 1e-7 is not."""
        step = data.draw(steps(2 * length, marks=(length,)))
        rates = schedules.cosine_decay(step, initial_lr=lr, decay_steps=length)
        assert_rate(rates, oracle.cosine_decay(step, lr, length), scale=lr)
        rates = schedules.cosine_decay(np.array([length, 3 * length]), initial_lr=lr, decay_steps=length)
        assert_rate(rates, np.zeros(2), scale=lr, ulps=ZERO_ULPS)

    @given(lr=RATES, length=LENGTHS, alpha=st.one_of(st.just(0.0), FACTORS), beyond=st.integers(0, 10_000))
    @example(lr=2, length=100, alpha=0, beyond=50)
    @example(lr=2, length=100, alpha=1, beyond=50)
    def test_stays_at_the_floor_ever_after(self, lr, length, alpha, beyond):
        """From T on the rate is α·η₀, to the last digits: a floor of α = 0 is 0."""
        step = np.array([length, length + beyond])
        rates = schedules.cosine_decay(step, initial_lr=lr, decay_steps=length, alpha=alpha)
        assert_rate(rates, np.full(2, alpha * lr), scale=lr, ulps=2)

    @examples(5)
    @given(step=st.lists(st.integers(0, 150), min_size=1, max_size=4))
    def test_same_inside_tf_function(self, step):
        """Inside tf.function, where the step is symbolic, the result is the same."""
        rates = common.in_graph(schedules.cosine_decay, np.array(step), initial_lr=0.5, decay_steps=100, alpha=0.25)
        assert_rate(rates, oracle.cosine_decay(step, 0.5, 100, 0.25), scale=0.5)


@st.composite
def pieces(draw, *, at_least=0):
    """Boundaries that strictly increase, some of them between two steps, and one value more, all different."""
    quarters = st.one_of(st.integers(0, 60).map(float), st.integers(0, 240).map(lambda n: n / 4))
    boundaries = sorted(draw(st.lists(quarters, min_size=at_least, max_size=4, unique=True)))
    if draw(st.booleans()):
        boundaries = sorted({int(boundary) for boundary in boundaries})
    count = len(boundaries) + 1
    rates = draw(st.sampled_from([RATES, RATES, st.integers(1, 9)]))
    values = draw(st.lists(rates, min_size=count, max_size=count, unique=True))
    kind = draw(st.sampled_from([list, tuple]))
    return kind(boundaries), kind(values)


SEVERAL_PIECES = pieces(at_least=2).filter(lambda drawn: len(drawn[0]) > 1)


@pytest.mark.kata("piecewise_constant")
class TestPiecewiseConstant:
    def test_worked_example(self):
        """At the boundary 10 the old value 1 still holds; 11 has the next; above 20 the last."""
        at = np.array([0, 10, 11, 20, 30])
        rates = schedules.piecewise_constant(at, boundaries=[10, 20], values=[1.0, 0.5, 0.25])
        assert_rate(rates, np.array([1.0, 1.0, 0.5, 0.5, 0.25]))

    def test_worked_example_of_a_boundary_between_two_steps(self):
        """With boundaries (10.5, 12): 10.25 and 10.5 are not above 10.5; 10.5 + 1/4096 is, and so is 10.75."""
        at = np.array([10.25, 10.5, 10.5 + 1 / 4096, 10.75, 12.0, 12.25])
        rates = schedules.piecewise_constant(at, boundaries=(10.5, 12), values=(0.1, 0.01, 0.001))
        assert_rate(rates, np.array([0.1, 0.1, 0.01, 0.01, 0.01, 0.001]), scale=0.1, ulps=1)

    def test_worked_example_of_a_boundary_that_half_precision_lacks(self):
        """The float16 step 10 + 4/512 is above the boundary 10 + 3/512, which float16 would round up to it."""
        at = np.array([10, 10 + 4 / 512], np.float16)
        rates = schedules.piecewise_constant(at, boundaries=[10 + 3 / 512], values=[1, 2])
        assert_rate(rates, np.array([1.0, 2.0]))

    @given(data=st.data(), drawn=pieces(at_least=1))
    def test_holds_each_value_up_to_and_including_its_boundary(self, data, drawn):
        """values[i] while k ≤ boundaries[i], for steps of any shape and dtype, as float32 of that shape."""
        boundaries, values = drawn
        step = data.draw(steps(70, marks=tuple(boundaries)))
        rates = schedules.piecewise_constant(step, boundaries=boundaries, values=values)
        assert_rate(rates, oracle.piecewise_constant(step, boundaries, values), scale=max(values), ulps=4)

    @examples(10)
    @given(step=steps(70), value=RATES, kind=st.sampled_from([list, tuple]))
    def test_is_constant_without_boundaries(self, step, value, kind):
        """No boundaries and one value are valid."""
        rates = schedules.piecewise_constant(step, boundaries=kind(), values=kind([value]))
        assert_rate(rates, oracle.piecewise_constant(step, [], [value]), ulps=4)

    @examples(25)
    @given(drawn=pieces(), off=st.sampled_from([-1, 1, 2]))
    @example(drawn=([], [0.5]), off=-1)
    @example(drawn=([10], [1.0, 0.5]), off=-1)
    def test_refuses_values_that_do_not_fit_the_boundaries(self, drawn, off):
        """n boundaries need n + 1 values; fewer or more is a ValueError, also without boundaries."""
        boundaries, values = drawn
        wrong = values[:-1] if off < 0 else [*values, 2.0, 3.0][: len(values) + off]
        assert_refused(("values", "boundaries"), schedules.piecewise_constant, 3, boundaries=boundaries, values=wrong)

    @examples(25)
    @given(drawn=SEVERAL_PIECES, where=st.integers(0, 3), equal=st.booleans())
    @example(drawn=([10, 20], [1.0, 0.5, 0.25]), where=0, equal=True)
    def test_refuses_boundaries_that_do_not_strictly_increase(self, drawn, where, equal):
        """Equal boundaries are refused as well as falling ones."""
        boundaries, values = drawn
        i = where % (len(boundaries) - 1)
        wrong = boundaries[i + 1] if equal else boundaries[i + 1] + 1
        boundaries = [*boundaries[:i], wrong, *boundaries[i + 1 :]]
        assert_value_error("boundaries", schedules.piecewise_constant, 3, boundaries=boundaries, values=values)

    @examples(5)
    @given(drawn=pieces(at_least=1), extra=st.lists(st.integers(0, 70), min_size=1, max_size=3))
    def test_same_inside_tf_function(self, drawn, extra):
        """Inside tf.function, where the step is symbolic, the result is the same."""
        boundaries, values = drawn
        step = np.array([*extra, *boundaries])
        rates = common.in_graph(schedules.piecewise_constant, step, boundaries=boundaries, values=values)
        assert_rate(rates, oracle.piecewise_constant(step, boundaries, values), scale=max(values), ulps=4)


@st.composite
def warmups(draw):
    """(peak_lr, warmup_steps, total_steps)"""
    warmup_steps = draw(st.one_of(st.just(0), st.integers(1, 50), st.sampled_from([1000, 10_000])))
    return draw(RATES), warmup_steps, warmup_steps + draw(st.one_of(st.integers(1, 200), st.just(90_000)))


@pytest.mark.kata("WarmupCosineDecay")
class TestWarmupCosineDecay:
    def test_worked_example(self):
        """Peak 1, W = 10, T = 110: at 5 it is 5/10; at 10 the peak; at 60 ½(1 + cos 90°) = ½; at 110 it is 0."""
        schedule = schedules.WarmupCosineDecay(peak_lr=1.0, warmup_steps=10, total_steps=110)
        # Neither another schedule nor an earlier question, past the end, changes the answer.
        schedules.WarmupCosineDecay(peak_lr=0.5, warmup_steps=0, total_steps=50)
        assert_rate(schedule(1000), 0.0, scale=1.0, ulps=ZERO_ULPS)
        assert_rate(schedule(5), 5 / 10)
        rates = schedule(np.array([0, 5, 10, 60, 110]))
        assert_rate(rates, np.array([0, 5 / 10, 1, 1 / 2, 0]), scale=1.0)

    @given(data=st.data(), made=warmups())
    def test_rises_in_a_line_and_falls_along_half_a_cosine(self, data, made):
        """peak·k/W, then peak·½(1 + cos(π(k - W)/(T - W))): float32 of the step's shape, whatever its dtype."""
        peak, warmup, total = made
        step = data.draw(steps(2 * total, marks=(warmup, total, 2 * total - warmup)))
        rates = schedules.WarmupCosineDecay(*made)(step)
        assert_rate(rates, oracle.warmup_cosine_decay(step, *made), scale=peak)

    @given(made=warmups(), beyond=st.integers(0, 1000))
    @example(made=(2, 10, 50), beyond=0)
    def test_stays_at_zero_from_the_last_step_on(self, made, beyond):
        """However long training goes on after `total_steps`, the rate does not rise again."""
        peak, warmup, total = made
        step = np.array([total, total + 1, total + (total - warmup), total + beyond])
        assert_rate(schedules.WarmupCosineDecay(*made)(step), np.zeros(4), scale=peak, ulps=ZERO_ULPS)

    @examples(25)
    @given(peak=RATES, total=st.integers(1, 200), step=st.integers(0, 300))
    @example(peak=1.0, total=10, step=0)
    def test_starts_at_the_peak_without_warm_up(self, peak, total, step):
        """With `warmup_steps=0` step 0 has the peak, and no step has a NaN."""
        at = np.array([0, step])
        rates = schedules.WarmupCosineDecay(peak, 0, total)(at)
        assert_rate(rates, oracle.warmup_cosine_decay(at, peak, 0, total), scale=peak)

    @examples(25)
    @given(total=st.integers(1, 100), more=st.sampled_from([0, 0, 1, 7]))
    def test_refuses_a_warm_up_as_long_as_the_training(self, total, more):
        """`warmup_steps` ≥ `total_steps` is a ValueError, equality included."""
        names = ("warmup_steps", "total_steps")
        assert_refused(names, schedules.WarmupCosineDecay, peak_lr=0.5, warmup_steps=total + more, total_steps=total)

    @examples(10)
    @given(total=st.integers(1, 100), warmup=st.integers(-10, -1))
    def test_refuses_a_negative_warm_up(self, total, warmup):
        """A negative `warmup_steps` is a ValueError."""
        make = schedules.WarmupCosineDecay
        assert_value_error("warmup_steps", make, peak_lr=0.5, warmup_steps=warmup, total_steps=total)

    @examples(10)
    @given(made=warmups())
    @example(made=(1 / 3, 10, 50))
    def test_config_gives_back_an_equal_one(self, made):
        """`get_config` holds the three arguments by name; a schedule made from it, by Keras too, has the same rates."""
        peak, warmup, total = made
        step = np.array([0, warmup // 2, warmup, (warmup + total) // 2, total + 5])
        schedule = schedules.WarmupCosineDecay(*made)
        config = here.configuration(schedule)
        for name, value in zip(("peak_lr", "warmup_steps", "total_steps"), made, strict=True):
            same = isinstance(config.get(name), int | float) and config[name] == value
            expect(same, f"get_config() does not hold {name}.", yours=config.get(name), expected=value)
        for again in (here.from_configuration(schedule), here.through_keras(schedule)):
            assert_rate(again(step), oracle.warmup_cosine_decay(step, *made), scale=peak)

    @examples(4)
    @given(peak=RATES, warmup=st.integers(0, 3), rest=st.integers(1, 4), graph=st.booleans())
    def test_sets_the_rate_of_an_optimizer(self, peak, warmup, rest, graph):
        """Plain SGD with a gradient of 1 moves by the rate: step by step along the schedule and past its end."""
        total = warmup + rest
        made = schedules.WarmupCosineDecay(peak, warmup, total)
        lengths = np.asarray(here.lengths_of_steps(made, total + 2, graph=graph), np.float64)
        want = oracle.warmup_cosine_decay(np.arange(total + 2), peak, warmup, total)
        same = np.allclose(lengths, want, rtol=0, atol=1e-5 * peak)
        expect(same, "The optimizer moves by another rate.", yours=lengths, expected=want)

    @examples(4)
    @given(made=warmups(), step=st.lists(st.integers(0, 300), min_size=1, max_size=4))
    def test_same_inside_tf_function(self, made, step):
        """Inside tf.function, where the steps are symbolic, the result is the same."""
        rates = common.in_graph(schedules.WarmupCosineDecay(*made), np.array(step))
        assert_rate(rates, oracle.warmup_cosine_decay(step, *made), scale=made[0])


def assert_rates(actual, losses, **options):
    """One Python float an epoch; Keras keeps the rate in float32, so after n cuts n roundings are allowed."""
    want = oracle.reduce_on_plateau(losses, **options)
    expect(isinstance(actual, list), "A list of numbers must come back.", yours=type(actual).__name__)
    expect(len(actual) == len(losses), "One rate for each epoch.", yours=len(actual), expected=len(losses))
    for epoch, (rate, right) in enumerate(zip(actual, want, strict=True), start=1):
        kind = type(rate).__name__
        expect(isinstance(rate, float), f"After epoch {epoch}: a Python float must stand there.", yours=kind)
        try:
            assert_number(rate, right, rel=1e-5)
        except LawViolation as wrong:
            raise LawViolation(f"After epoch {epoch}: {wrong.problem}", yours=str(actual), expected=str(want)) from None


LOSSES = st.integers(-8, 8).map(lambda n: n / 4)
"""Losses on a grid of quarters; gains are compared with `min_delta` between the grid's lines."""
DELTAS = st.sampled_from([0.125, 1e-4, 0.0, 0.375, 0.625])
BIG_DELTAS = st.sampled_from([0.375, 0.625, 1.125])


@st.composite
def slow_trainings(draw):
    """Losses that mostly stand still, rise and fall a little: plateaus of every length."""
    changes = draw(st.lists(st.sampled_from([0, 0, 0, 1, -1, -2]), min_size=1, max_size=20))
    return [float(loss) for loss in 2 + np.cumsum(changes) / 4]


@pytest.mark.kata("reduce_on_plateau")
class TestReduceOnPlateau:
    def test_worked_example(self):
        """Epoch 2 is the best; 3 and 4 wait, so the rate is halved after 4; 5 waits again; 6 is better."""
        rates = schedules.reduce_on_plateau([5.0, 4.0, 4.0, 4.0, 4.0, 3.0], initial_lr=1.0, patience=2)
        assert_rates(rates, [5.0, 4.0, 4.0, 4.0, 4.0, 3.0], initial_lr=1.0, patience=2)

    @examples(25)
    @given(epochs=st.integers(0, 15), patience=st.integers(1, 4), factor=st.sampled_from([0.5, 0.1, 0.75]))
    @example(epochs=200, patience=10, factor=0.75)
    def test_cuts_every_patience_epochs_while_nothing_improves(self, epochs, patience, factor):
        """A loss that never changes: the first epoch sets the best, then every `patience` epochs cut once."""
        options = {"initial_lr": 0.5, "factor": factor, "patience": patience}
        rates = schedules.reduce_on_plateau([1.0] * epochs, **options)
        assert_rates(rates, [1.0] * epochs, **options)

    @given(
        losses=st.one_of(slow_trainings(), st.lists(LOSSES, max_size=20)),
        patience=st.integers(0, 4),
        delta=DELTAS,
        cooldown=st.integers(0, 4),
        rates=st.sampled_from([(0.5, 0.0), (0.5, 0.03), (0.25, 0.2), (8.0, 1.0)]),
        factor=st.sampled_from([0.5, 0.25, 0.9]),
    )
    @example(losses=[1.0] * 4, patience=0, delta=0.125, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[2.0, *[1.75] * 4], patience=2, delta=0.375, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[2.0, 1.75, 1.5, 1.25, 1.0], patience=2, delta=0.375, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[1.0] * 12, patience=2, delta=0.125, cooldown=3, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[1.0, 1.0, 1.0, 0.75, 0.75], patience=1, delta=0.0, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[1.0, 1 - 2.0**-15, 1 - 2.0**-14], patience=1, delta=0.0, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[2.0, 2.0, 1.0, 1.5, 1.5], patience=1, delta=0.125, cooldown=3, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[1e30] * 4, patience=2, delta=0.125, cooldown=0, rates=(0.5, 0.0), factor=0.5)
    @example(losses=[-1.0, -1.0, -2.0, -2.0], patience=1, delta=0.125, cooldown=0, rates=(8.0, 1.0), factor=0.25)
    def test_follows_the_rule_of_keras(self, losses, patience, delta, cooldown, rates, factor):
        """The rate after each epoch, as `ReduceLROnPlateau(mode="min")` sets it when it sees these losses."""
        options = {"patience": patience, "min_delta": delta, "cooldown": cooldown, "factor": factor}
        options["initial_lr"], options["min_lr"] = rates
        assert_rates(schedules.reduce_on_plateau(tuple(losses), **options), losses, **options)

    @examples(50)
    @given(start=LOSSES, epochs=st.integers(3, 20), delta=BIG_DELTAS, patience=st.integers(1, 4))
    @example(start=2.0, epochs=12, delta=0.375, patience=2)
    def test_lets_a_slow_drift_add_up(self, start, epochs, delta, patience):
        """Gains of ¼ below `min_delta` leave the best where it is, until together they are an improvement."""
        losses = [start - epoch / 4 for epoch in range(epochs)]
        options = {"initial_lr": 0.5, "min_delta": delta, "patience": patience}
        assert_rates(schedules.reduce_on_plateau(losses, **options), losses, **options)

    @examples(50)
    @given(cooldown=st.integers(0, 6), patience=st.integers(1, 3), better=st.integers(1, 14))
    @example(cooldown=1, patience=1, better=14)
    @example(cooldown=3, patience=2, better=14)
    def test_rests_after_a_cut(self, cooldown, patience, better):
        """The counter is set to `cooldown` and counted down before it is looked at, so 1 does what 0 does."""
        losses = [1.0] * better + [0.0] + [1.0] * (14 - better)
        options = {"initial_lr": 0.5, "patience": patience, "cooldown": cooldown}
        assert_rates(schedules.reduce_on_plateau(losses, **options), losses, **options)

    @examples(50)
    @given(start=st.sampled_from([0.5, 0.25, 0.125, 0.0625]), floor=st.sampled_from([0.25, 0.2, 0.1]))
    @example(start=0.125, floor=0.25)
    def test_never_goes_below_the_floor_and_never_rises_to_it(self, start, floor):
        """A cut ends at `min_lr` at the lowest; a rate that is not above it stays as it is."""
        losses = [1.0] * 8
        options = {"initial_lr": start, "patience": 1, "min_lr": floor}
        assert_rates(schedules.reduce_on_plateau(losses, **options), losses, **options)

    @examples(25)
    @given(losses=slow_trainings())
    @example(losses=[1.0, 1.0 - 2.0**-14, 1.0 - 2.0**-12, 1.0, 1.0])
    @example(losses=[1.0] * 80)
    def test_has_the_defaults_that_it_names(self, losses):
        """Unless told otherwise: factor 0.5, patience 3, min_delta 1e-4, no cool-down, no floor."""
        assert_rates(schedules.reduce_on_plateau(losses, initial_lr=0.5), losses, initial_lr=0.5)
