"""What another draw of references would change: kept beside attributions, and part of every interval."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

import rltools
from rltools.attributions import Method, find_method
from rltools.recording import read_draws
from rltools.recording.draws import draw_origins
from rltools.recording.parquet import read_columns
from rltools.summary import agreement, lag_shares, phase_means, summarize, value_dependence, when
from rltools.summary import explained_points as points
from rltools.targets import make_target_function, parse_target

METHODS = ("shapley", "sampled_shapley", "integrated_gradients", "expected_gradients", "occlusion", "decision_change")


DRAWING = (*METHODS, "deep_lift", "rise", "sarfa", "smooth_grad", "var_grad", "captum:IntegratedGradients")


@pytest.fixture(scope="module")
def policy():
    return rltools.load_policy("cartpole-ppo")


@pytest.fixture
def recording(policy, tmp_path):
    return rltools.record(policy, episodes=5, max_steps=30, directory=tmp_path / "run", deterministic=False)


def without_draws(recording, key):
    """As recordings were before these were kept."""
    for path in (recording.directory / "attributions" / key / "draws").iterdir():
        path.unlink()


@pytest.mark.parametrize("method", METHODS)
def test_values_without_a_block_are_those_of_the_other_references(policy, recording, method):
    rltools.explain(recording, policy, method=method, references=6, **({"samples": 24} if "expected" in method else {}))
    (key,) = recording.specs
    attribution, without = recording.attribution_of(key, episodes=[1]), read_draws(recording, key, 1)
    assert without.shape == (6, 30, 1, 4)
    np.testing.assert_allclose(without.mean(axis=0), attribution.values, rtol=1e-3, atol=1e-4)
    if method in ("shapley", "integrated_gradients", "occlusion", "decision_change"):
        steps = recording.episode(1).states
        others = rltools.attribute(
            policy, steps, method=method, references=np.delete(attribution.references, 2, axis=0)
        )
        chosen = np.asarray(policy.act(steps, rltools.policies.base.Context()).actions) == recording.episode(1).actions
        np.testing.assert_allclose(without[2][chosen], others.values[chosen], rtol=1e-3, atol=2e-3)


def test_each_visited_reference_is_counted_for_its_episode(policy, recording):
    rltools.explain(recording, policy, method="shapley", references=20)
    (key,) = recording.specs
    references = recording.attribution_of(key, episodes=[1]).references
    numbers = recording.numbers
    origins = draw_origins(recording, key, 8, numbers)
    assert origins.shape == (8, 5)
    assert origins.sum(axis=1).tolist() == [2, 3, 2, 3, 2, 3, 2, 3]
    visited = [policy.encode(recording.episode(number).states).numpy() for number in numbers]
    among = [sum((states == reference).all(axis=1).any() for reference in references) for states in visited]
    assert origins.sum(axis=0).tolist() == among
    # Episodes that are not summarized come last.
    later = draw_origins(recording, key, 8, numbers[3:])
    np.testing.assert_array_equal(later, origins[:, [3, 4, 0, 1, 2]])
    assert draw_origins(recording, key, 5, numbers) is None


def test_intervals_count_an_episode_and_its_references_together(policy, recording):
    rltools.explain(recording, policy, method="shapley", references=20)
    (key,) = recording.specs
    drawn = summarize(recording).overall.drawn_importance
    assert drawn.origins is not None
    assert (drawn.standard_error() != replace(drawn, origins=None).standard_error()).all()
    for path in (recording.directory / "attributions" / key).glob("*.parquet"):
        assert ("episode" in read_columns(path)) == (path.name == "reference.parquet")


def test_references_of_the_user_come_from_no_episode(policy, recording):
    states = recording.episode(1).states[:8]
    rltools.explain(recording, policy, method="shapley", references=states)
    (key,) = recording.specs
    assert draw_origins(recording, key, 8, recording.numbers) is None
    assert summarize(recording).overall.drawn_importance.origins is None


def test_intervals_are_wider_by_the_draw_of_references(policy, tmp_path):
    """With so many episodes the degrees of freedom that the draw adds no longer make up for its variance."""
    recording = rltools.record(policy, episodes=40, max_steps=20, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="shapley", references=8)
    (key,) = recording.specs
    with_draw = summarize(recording).overall
    assert with_draw.draws
    intervals = [
        phase_means(recording, key, [2]).mean,
        value_dependence(points(recording, key), 2).curve.mean,
        lag_shares(recording, key).of_lag,
    ]
    without_draws(recording, key)
    summary = summarize(recording)
    assert not summary.overall.draws
    assert any("the intervals leave out the draw of the 8 references" in note for note in summary.notes)
    for name in ("mean", "mean_absolute", "share", "pooled_share"):
        wide, narrow = getattr(with_draw, name), getattr(summary.overall, name)
        np.testing.assert_array_equal(wide.value, narrow.value)
        assert (wide.high - wide.low > narrow.high - narrow.low).all()
    again = phase_means(recording, key, [2]).mean, value_dependence(points(recording, key), 2).curve.mean
    for wide, narrow in zip(intervals, again, strict=False):
        finite = np.isfinite(narrow.low)
        assert not np.isclose(
            (wide.high - wide.low)[finite].mean(), (narrow.high - narrow.low)[finite].mean(), rtol=1e-3
        )


@pytest.mark.parametrize(
    ("agent", "settings"),
    [
        ("cartpole-ppo", {"method": "shapley", "groups": {"pole": ["pole angle", "pole angular velocity"]}}),
        ("lavagap-cnn-ppo", {"method": "sarfa", "replacement": "resample"}),
        ("lavagap-cnn-ppo", {"method": "occlusion", "groups": "variables"}),
        ("taxi-masked-ppo", {"method": "sampled_shapley", "groups": "variables", "permutations": 8}),
        ("taxi-masked-ppo", {"method": "occlusion"}),
    ],
)
@pytest.mark.parametrize("detail", ["variables", "elements"])
def test_draws_are_summed_over_the_rows_of_a_summary(agent, settings, detail, tmp_path):
    policy = rltools.load_policy(agent)
    recording = rltools.record(policy, episodes=2, max_steps=4, directory=tmp_path)
    summary = rltools.summarize(rltools.explain(recording, policy, references=4, **settings), detail=detail)
    mean = summary.overall.drawn["mean"]
    assert mean.without[1].shape == (4, 1, len(summary.features))
    # Each block is left out once, and all are as large: on average nothing is.
    np.testing.assert_allclose(mean.without[1].mean(axis=0), mean.value, rtol=1e-3, atol=1e-5)
    assert recording.damaged() == {}


def test_agreement_and_when_see_the_draw_too(policy, tmp_path):
    # So few steps that the ranking differs between episodes: of one that never does nothing is known.
    recording = rltools.record(policy, episodes=8, max_steps=3, directory=tmp_path / "run", deterministic=False)
    for method in ("shapley", "occlusion"):
        rltools.explain(recording, policy, method=method)
    wide = agreement({"": recording}, None, None).correlation
    times = when(recording, summarize(recording, method="shapley"), ["pole angle"])
    assert all(interval.low <= interval.share <= interval.high for interval in times)
    for key in recording.specs:
        without_draws(recording, key)
    narrow = agreement({"": recording}, None, None).correlation
    assert wide.value[0, 1] == narrow.value[0, 1]
    assert wide.high[0, 1] - wide.low[0, 1] >= narrow.high[0, 1] - narrow.low[0, 1]


def test_a_single_reference_is_said_to_show_nothing(policy, recording):
    rltools.explain(recording, policy, method="shapley", references=1)
    summary = summarize(recording)
    assert any("compared with a single state" in note for note in summary.notes)
    assert np.isfinite(summary.overall.share.low).all()


def test_a_feature_that_is_the_same_in_most_references_is_named(policy, recording):
    states = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    states[:, 1] = [0, 0, 0, 0, 0, 0, 0.4, 0]
    rltools.explain(recording, policy, method="shapley", references=states)
    (note,) = [note for note in summarize(recording).notes if "references differ" in note]
    assert note.startswith("fewer than 3 of the 8 references differ in cart velocity: intervals are rough there")


def test_interrupted_and_resumed_it_is_the_same(policy, recording):
    rltools.explain(recording, policy, method="shapley", references=8)
    (key,) = recording.specs
    folder = recording.directory / "attributions" / key
    contents = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    assert len([path for path in contents if path.parent.name == "draws"]) == 5
    for path in (folder / "000002.parquet", folder / "draws" / "000002.parquet"):
        path.unlink()
    rltools.explain(recording, policy, method="shapley", references=8)
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == contents


def test_methods_that_compare_with_nothing_keep_nothing(policy, recording):
    rltools.explain(recording, policy, method="gradient")
    (key,) = recording.specs
    assert read_draws(recording, key, 0) is None
    assert not any("references" in note for note in summarize(recording).notes)


@pytest.mark.parametrize("name", DRAWING)
def test_a_method_computes_values_without_a_block_only_where_they_are_wanted(policy, name):
    if name in ("deep_lift", "captum:IntegratedGradients"):
        pytest.importorskip("captum")
    states = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    x, references = states[:5], states[5:]
    context, needs = policy.act(x.numpy(), rltools.policies.base.Context()).context, find_method(name).needs
    target = parse_target("decision" if "decision" in needs else "logit:all", policy)
    expected, unwanted = (
        find_method(name)(
            make_target_function(policy, target, context, leave_one_out=leave_one_out), x, references=references
        )
        for leave_one_out in (True, False)
    )
    assert expected.without is not None
    assert unwanted.without is None
    for part in ("values", "standard_error", "residual", "complete"):
        with_blocks, alone = getattr(expected, part), getattr(unwanted, part)
        assert (with_blocks is None) == (alone is None), part
        assert with_blocks is None or torch.equal(with_blocks, alone), part


@pytest.mark.parametrize("method", METHODS)
def test_only_recordings_ask_for_values_without_a_block(policy, recording, method, monkeypatch):
    call, asking, without = Method.unchecked, [], []

    def calling(self, f, *args):
        result = call(self, f, *args)
        asking.append(f.leave_one_out)
        without.append(result.without is not None)
        return result

    monkeypatch.setattr(Method, "unchecked", calling)
    states = recording.episode(0).observations
    rltools.attribute(policy, states, method=method, references=states[:4])
    with gymnasium.make("CartPole-v1") as inner:
        env = rltools.AttributionWrapper(inner, policy, method, references=states[:4])
        env.reset(seed=0)
        env.step(env.action_space.sample())
    live = len(asking)
    assert live >= 2
    assert not any(asking)
    assert not any(without)
    rltools.explain(recording, policy, method=method, references=4)
    assert len(asking) > live
    assert all(asking[live:])
    assert all(without[live:])
    (key,) = recording.specs
    assert all(read_draws(recording, key, number).shape[0] == 4 for number in recording.numbers)
