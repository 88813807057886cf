"""What explaining costs: measured beforehand, bounded in time, and shown while it goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.attributions import find_method, method_names
from rltools.errors import ArgumentError, TooCostlyError
from rltools.explanation import LongWorkWarning, _cost, _explain, declared_stride, plan_explaining
from rltools.explanation import batches as _batches
from rltools.explanation._cost import cheaper_ways, declared_seconds
from rltools.explanation.batches import explained_rows
from rltools.policies.base import Context
from rltools.recording.attribution import first_sampled
from rltools.targets import parse_target


class Timed(nn.Module):
    """A network for which time passes only while it computes: `a_row` seconds for each row."""

    def __init__(self, a_row=0.0):
        super().__init__()
        self.layer, self.a_row, self.now, self.rows = nn.Linear(4, 3), a_row, 0.0, 0

    def forward(self, x):
        self.now += self.a_row * len(x)
        self.rows += len(x)
        return self.layer(x.flatten(1)[:, :4])


@pytest.fixture
def timed(make_policy, monkeypatch):
    """A policy whose network alone lets time pass."""
    policy = make_policy(Timed())
    monkeypatch.setattr(_cost, "clock", lambda: policy.module.now)
    monkeypatch.setattr(_explain, "clock", lambda: policy.module.now)
    return policy


@pytest.fixture
def steps(timed, tmp_path, Walk):
    """Ten episodes of 7 steps."""
    return rltools.record(timed, Walk, episodes=10, directory=tmp_path / "run")


def explained(recording, method):
    return np.isfinite(recording.attribution(method).values).all(axis=(1, 2))


class TestBounded:
    """Exact Shapley values of 4 features with 2 references take 32 passes a step."""

    @pytest.mark.parametrize(("seconds", "every"), [(1000, 1), (2.3, 1), (1.2, 2), (0.8, 3), (0.25, 10), (0.06, 50)])
    def test_an_even_sample_is_explained_where_all_would_take_longer(self, timed, steps, seconds, every):
        timed.module.a_row = 0.001  # 32 ms a step, 2.24 s for all
        rltools.explain(steps, timed, method="shapley", references=2, seconds=seconds)
        (spec,) = steps.specs.values()
        assert spec.every == every
        t = np.concatenate([np.arange(7) - first_sampled(number, every) for number in range(10)])
        assert (explained(steps, "shapley") == (t % every == 0)).all(), "evenly over all episodes"

    def test_what_was_begun_goes_on_with_its_steps_and_is_never_mixed(self, timed, steps, Walk, files_of):
        timed.module.a_row = 0.001
        settings = {"method": "shapley", "references": 2}
        rltools.explain(steps, timed, seconds=0.25, **settings)
        before = files_of(steps)
        timed.module.a_row = 1.0  # another machine
        rltools.explain(steps, timed, seconds=100, **settings)
        assert files_of(steps) == before
        more = rltools.record(timed, Walk, episodes=12, directory=steps.directory)
        timed.module.a_row = 0.0
        rltools.explain(more, timed, seconds=1e6, **settings)
        assert before.items() <= files_of(more).items()
        (key,) = more.specs
        assert more.is_complete(key)
        assert more.spec(key).every == 10
        plan = plan_explaining(more, timed, seconds=5, **settings)
        assert (plan.steps, plan.every, str(plan)) == (0, 10, "explain shapley of centered:chosen: already done")

    def test_a_single_step_that_takes_too_long_is_refused_with_what_is_cheaper(self, timed, steps):
        timed.module.a_row = 1.0
        with pytest.raises(TooCostlyError) as refused:
            rltools.explain(steps, timed, method="sampled_shapley", references=32, seconds=60)
        text = str(refused.value)
        assert "sampled_shapley of centered:chosen takes about 9 min for a single step, and seconds=60 are" in text
        assert text.endswith("cheaper: 8 references instead of 32 (2 times)")
        assert steps.specs == {}
        assert not list((steps.directory / "attributions").glob("*/*.parquet"))

    def test_a_measurement_ends_within_a_step(self, timed, steps):
        timed.module.a_row = 0.01
        passes = (
            find_method("sampled_shapley")
            .cost_of_row((4,), ("feature",), 32, {"permutations": 4096, "nearest": 0})
            .passes
        )
        timed.module.rows = 0
        plan = plan_explaining(steps, timed, method="sampled_shapley", references=32, permutations=4096, max_batch=64)
        assert plan.step_seconds == pytest.approx(passes * 0.01, rel=0.05)
        assert timed.module.rows < passes / 50
        assert plan.seconds == pytest.approx(plan.step_seconds * 70)

    def test_seconds_that_cannot_be_meant(self, timed, steps):
        for seconds in (0, -1, float("nan")):
            with pytest.raises(ArgumentError, match="seconds is"):
                rltools.explain(steps, timed, method="gradient", seconds=seconds)
        timed.module.a_row = 1e6
        assert plan_explaining(steps, timed, method="gradient", seconds=float("inf")).every == 1


class TestSaid:
    def test_a_plan_says_how_much_is_explained_how_long_that_takes_and_what_is_cheaper(self, timed, steps):
        timed.module.a_row = 0.01
        plan = plan_explaining(steps, timed, method="shapley", references=16, seconds=100)
        assert (plan.every, plan.resumed) == (2, False)
        assert str(plan) == (
            "explain shapley of centered:chosen: one step in 2 of 70, about 90 s; all would take about 3 min, and 100 "
            "s are allowed (seconds=100); cheaper: 8 references instead of 16 (2 times)"
        )
        full = plan_explaining(steps, timed, method="gradient", seconds=100)
        assert str(full) == "explain gradient of centered:chosen: 70 steps, about 1 s"

    def test_what_takes_very_long_is_announced_once_by_its_pace(self, timed, steps):
        timed.module.a_row = 1.0
        with pytest.warns(LongWorkWarning) as caught:
            rltools.explain(steps, timed, method="shapley", references=2, max_batch=16)
        (warning,) = caught
        assert "shapley of centered:chosen of 70 steps takes about 37 min; with seconds=60 an even" in str(
            warning.message
        )

    def test_nothing_is_announced_of_what_takes_minutes(self, timed, steps):
        timed.module.a_row = 0.1  # 224 s
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rltools.explain(steps, timed, method="shapley", references=2, max_batch=16)

    def test_cheaper_ways_are_those_that_save_most(self, make_policy):
        policy = rltools.TorchPolicy(lambda x: x.flatten(1)[:, :2], Box(0, 255, (8, 8, 3), np.uint8), Discrete(2))
        occlusion = find_method("occlusion")
        ways = cheaper_ways(policy, occlusion, 32, occlusion.settings({}))
        assert [way.partition(" (")[0] for way in ways] == ["groups=variables", "8 references instead of 32"]
        assert ways[1].endswith("(4 times)")


class TestProgress:
    @pytest.mark.parametrize("name", [name for name in method_names() if name not in ("shapley",)])
    def test_what_is_done_adds_up_to_the_rows(self, name):
        shape, net = (6, 6), nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
        policy = rltools.TorchPolicy(nn.Sequential(net, nn.Linear(32, 2)), Box(0, 255, shape, np.uint8), Discrete(2))
        x = torch.randint(0, 256, (3, *shape)).float()
        method = find_method(name)
        target = parse_target("decision" if "decision" in method.needs else None, policy)
        context = policy.act(x.numpy().astype(np.uint8), Context()).context
        done = []
        explained_rows(policy, method, target, x, context, x[:2], {}, 16, advance=done.append)
        assert sum(done) == pytest.approx(3)
        assert all(part >= 0 for part in done)

    def test_it_moves_within_a_step(self):
        policy = rltools.TorchPolicy(lambda x: x.flatten(1)[:, :2], Box(-1, 1, (20, 20), np.float32), Discrete(2))
        x = torch.rand(1, 20, 20)
        context, target = policy.act(x.numpy(), Context()).context, parse_target(None, policy)
        done = []
        explained_rows(policy, find_method("occlusion"), target, x, context, x, {}, 64, advance=done.append)
        assert len(done) > 5
        assert max(done) < 0.2

    def test_explain_counts_the_steps_it_reads(self, timed, steps, monkeypatch):
        done = []
        monkeypatch.setattr(_explain, "_announcing", lambda *args: done.append)
        rltools.explain(steps, timed, method="shapley", references=8, every=3)
        assert sum(done) == pytest.approx(70)


class TestDeclared:
    """An experiment explains the same steps on every machine."""

    def test_the_stride_follows_from_what_is_declared(self, timed, steps, monkeypatch):
        method = find_method("shapley")
        a_step = declared_seconds(timed, method, 8, method.settings({}))
        work = 2 * 15 / 2.5e10 + 4 * 4e-9 + 2e-7
        assert a_step == pytest.approx(2**4 * 8 * work)
        assert declared_stride(steps, timed, "shapley", 8, {}) == 1
        monkeypatch.setattr("rltools.explanation._plan.DECLARED_SECONDS", a_step * 70 / 3.5)
        timed.module.a_row = 1e6  # however slow the machine is
        assert declared_stride(steps, timed, "shapley", 8, {}) == 4
        assert declared_stride(steps, timed, "gradient", None, {}) == 1

    @pytest.mark.parametrize(
        ("method", "settings"),
        [
            ("sampled_shapley", {"permutations": 10**14}),
            ("smooth_grad", {"samples": 10**12}),
            ("integrated_gradients", {"nodes": 10**12}),
            ("rise", {"masks": 10**12}),
            ("shapley", {"references": 10**9}),
        ],
    )
    def test_a_number_far_beyond_what_it_can_mean_is_refused_at_once(self, timed, steps, method, settings):
        with pytest.raises(ArgumentError, match=r"is [1-9]0?0?(,000)+; it must be at most 100,000"):
            rltools.explain(steps, timed, method=method, **settings)
        if "references" not in settings:
            with pytest.raises(ArgumentError, match="it must be at most 100,000"):
                rltools.attribute(timed, np.zeros((1, 4)), method=method, references=np.zeros((1, 4)), **settings)

    def test_what_no_computer_finishes_is_refused_at_once(self, monkeypatch):
        monkeypatch.setattr(_batches, "make_target_function", None)
        count = 20_000
        policy = rltools.TorchPolicy(lambda x: x[:, :2], Box(-1, 1, (count,), np.float32), Discrete(2))
        x = np.zeros((1, count), np.float32)
        with pytest.raises(TooCostlyError, match="passes through the network for a single step, and at most 1e"):
            rltools.attribute(policy, x, method="sampled_shapley", references=x, permutations=100_000)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"every": 0}, "every is 0; it must be at least 1"),
        ({"every": 2.5}, r"every is 2\.5; it must be a whole number"),
        ({"every": True}, "every is True; it must be a whole number"),
        ({"every": 10**24}, r"every is 1,000,000,000,000,000,000,000,000; it must be at most 1,000,000,000"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"seed": 2**63}, r"it must be at most 1,000,000,000,000,000,000"),
        ({"seed": "a"}, "seed is 'a'; it must be a whole number"),
        ({"window": -1}, "window is -1; it must be at least 0"),
        ({"max_batch": "64"}, "max_batch is '64'; it must be a whole number"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(timed, steps, argument, text):
    with pytest.raises(ArgumentError, match=text):
        rltools.explain(steps, timed, **argument)
