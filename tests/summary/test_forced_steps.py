"""Steps at which one action is allowed: there is no other to compare with."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from torch import nn

import rltools
from rltools.attributions import find_method, method_names
from rltools.errors import TargetError
from rltools.policies.base import Context
from rltools.targets import make_target_function, parse_target

STATES = Box(-5, 5, (3,))
FEW = {"masks": 8, "permutations": 4, "samples": 4, "nodes": 2}


def policy_of(space, outputs, **choices):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, outputs))
    return rltools.TorchPolicy(net, STATES, space, masked=True, **choices)


class Alternating(gymnasium.Env):
    """Every third step leaves one action."""

    observation_space, action_space = STATES, Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._observed(), {}

    def step(self, action):
        assert self.action_masks()[action]
        self.t += 1
        return self._observed(), 1.0, self.t == 9, False, {}

    def _observed(self):
        return self.np_random.normal(size=3).astype(np.float32)

    def action_masks(self):
        return np.array([False, self.t % 3 > 0, True, self.t % 3 > 1])


@pytest.fixture
def recorded(tmp_path):
    policy = policy_of(Discrete(4), 4)
    return policy, rltools.record(policy, Alternating, episodes=3, directory=tmp_path / "run")


def context_of(mask, policy, x):
    return policy.act(x.numpy(), Context(mask=mask)).context


@pytest.mark.parametrize("text", ["logit:runner_up", "logit:chosen - runner_up", "probability:chosen - runner_up"])
@pytest.mark.parametrize("name", sorted({*method_names()} - {"decision_change", "sarfa", "blur_saliency", "grad_cam"}))
def test_no_method_says_anything_of_a_runner_up_that_is_not_there(name, text):
    method = find_method(name)
    if method.control or "network" in method.needs:
        pytest.skip("a control does not look at the score, and hooks are for what is linear in the last layer")
    policy = policy_of(Discrete(4), 4)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(6, 4, dtype=torch.bool)
    mask[::2] = torch.tensor([False, False, True, False])
    context = context_of(mask, policy, x)
    chosen = {key: value for key, value in FEW.items() if key in method.defaults}
    result = rltools.attribute(
        policy, x.numpy(), method=name, target=text, context=context, references=np.eye(3)[:2], **chosen
    )
    assert np.isnan(result.scores[::2]).all()
    assert np.isnan(result.values[::2]).all()
    assert np.isfinite(result.scores[1::2]).all()
    assert np.isfinite(result.values[1::2]).all()
    assert result.values[1::2].any()


def test_the_runner_up_is_never_a_forbidden_action():
    policy = policy_of(Discrete(4), 4)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    mask = torch.rand(40, 4, generator=torch.Generator().manual_seed(2)) < 0.5
    mask[:, 3] = True
    context = context_of(mask, policy, x)
    result = make_target_function(policy, parse_target("logit:runner_up", policy), context)(x)[:, 0]
    logits = policy.head("logit", x, Context()).detach().masked_fill(~mask, -np.inf)
    expected = logits.sort(dim=1).values[:, -2]
    assert torch.equal(result.isnan(), expected.isinf())
    assert 0 < int(result.isnan().sum()) < 40
    torch.testing.assert_close(result[~result.isnan()], expected[~expected.isinf()])


def test_one_choice_of_several_is_forced():
    policy = policy_of(MultiDiscrete([2, 3]), 5)
    x = torch.randn(4, 3)
    mask = torch.tensor([[True, False, True, True, True]]).repeat(4, 1)
    score = make_target_function(policy, parse_target("logit:chosen - runner_up", policy), context_of(mask, policy, x))
    assert score(x).isnan().tolist() == [[True, False]] * 4
    assert score.undefined.tolist() == [[True, False]] * 4
    other = make_target_function(policy, parse_target("logit:runner_up[1]", policy), context_of(mask, policy, x))
    assert other(x).isfinite().all()
    assert other.undefined is None


@pytest.mark.parametrize(
    "text", ["centered:chosen", "log_probability:chosen", "entropy", "kl", "decision", "probability:0"]
)
def test_what_compares_with_nothing_is_zero(text):
    policy = policy_of(Discrete(4), 4)
    x = torch.randn(5, 3)
    mask = torch.tensor([[False, False, True, False]]).repeat(5, 1)
    score = make_target_function(policy, parse_target(text, policy), context_of(mask, policy, x))
    expected = 2 if text == "decision" else 0
    assert (score(x) == expected).all()
    assert score.undefined is None
    if text != "decision":
        assert not score.gradients(x).any()


def test_the_logarithm_of_no_probability_is_no_number():
    policy = policy_of(Discrete(4), 4)
    x = torch.randn(2, 3)
    mask = torch.tensor([[False, True, True, False], [True, True, True, True]])
    score = make_target_function(policy, parse_target("log_probability:0", policy), context_of(mask, policy, x))
    assert score(x)[:, 0].isnan().tolist() == [True, False]


def test_sarfa_of_a_forced_step_is_zero():
    policy = policy_of(Discrete(4), 4)
    x = torch.randn(5, 3)
    mask = torch.tensor([[False, False, True, False]]).repeat(5, 1)
    score = make_target_function(policy, parse_target(None, policy), context_of(mask, policy, x))
    assert (find_method("sarfa")(score, x, references=torch.randn(3, 3)).values == 0).all()


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", ["gradient", "shapley"])
def test_a_summary_leaves_them_out_and_says_how_many(recorded, recwarn, name, every):
    policy, recording = recorded
    target = "logit:chosen - runner_up"
    rltools.explain(recording, policy, method=name, target=target, references=2, every=every)
    assert not [str(warning.message) for warning in recwarn if "not finite" in str(warning.message)]
    result = rltools.summarize(recording, method=name, target=target)
    forced = 9 if every == 1 else sum((t + episode) % 2 == 0 for episode in range(3) for t in (0, 3, 6))
    explained = 27 if every == 1 else sum((t + episode) % 2 == 0 for episode in range(3) for t in range(9))
    assert result.n == explained - forced
    assert result.non_finite == 0
    assert any(note.startswith(f"at {forced} of 27 steps only one action was allowed") for note in result.notes)
    assert np.isfinite(result.overall.mean.value).all()


def test_a_summary_says_where_the_action_was_not_allowed(recorded):
    policy, recording = recorded
    rltools.explain(recording, policy, method="gradient", target="log_probability:1")
    result = rltools.summarize(recording)
    assert result.n == 18
    assert any(note.startswith("at 9 of 27 steps the action was not allowed") for note in result.notes)


def test_centered_scores_count_them_as_nothing_to_decide(recorded):
    policy, recording = recorded
    rltools.explain(recording, policy, method="gradient")
    result = rltools.summarize(recording)
    assert result.n == 27
    assert "at 9 of 27 steps only one action was allowed, so there was nothing to decide" in result.notes
    assert result.all_zero == 0


def test_an_agent_of_one_action_has_no_dead_units(tmp_path):
    torch.manual_seed(0)

    class Single(Alternating):
        action_space = Discrete(1)

        def action_masks(self):
            return np.ones(1, bool)

    policy = rltools.TorchPolicy(nn.Linear(3, 1), STATES, Discrete(1))
    recording = rltools.record(policy, Single, episodes=2, directory=tmp_path / "run")
    for name in ("gradient", "sarfa", "decision_change"):
        rltools.explain(recording, policy, method=name, **({} if name == "gradient" else {"references": 2}))
        findings = [*map(str, rltools.summarize(recording, method=name).findings)]
        assert "There is only one action, so there is nothing to decide." in findings
        assert not [sentence for sentence in findings if "dead units" in sentence]


def test_plots_and_replays_show_the_other_steps(recorded, tmp_path):
    policy, recording = recorded
    rltools.explain(recording, policy, method="gradient", target="logit:chosen - runner_up")
    for name in ("importance", "timeline", "beeswarm", "decision", "action_matrix", "phases", "dependence"):
        getattr(rltools.plots, name)(recording)
    assert rltools.replay(recording, episode=0, path=tmp_path / "replay.html").is_file()


def test_a_live_step_has_no_attribution(recorded):
    policy, _ = recorded
    env = rltools.AttributionWrapper(Alternating(), policy, target="logit:chosen - runner_up")
    _, info = env.reset(seed=0)
    _, _, _, _, info = env.step(2)
    assert np.isnan(info["attribution"]).all()
    _, _, _, _, info = env.step(2)
    assert np.isfinite(info["attribution"]).all()


def test_a_choice_of_one_beside_another():
    policy = policy_of(MultiDiscrete([1, 3]), 4)
    x, mask = torch.randn(4, 3), torch.ones(4, 4, dtype=torch.bool)
    score = make_target_function(policy, parse_target("logit:runner_up[1]", policy), context_of(mask, policy, x))
    logits = policy.head("logit", x, Context())[:, 1:]
    torch.testing.assert_close(score(x)[:, 0], logits.sort(dim=1).values[:, 1])
    with pytest.raises(TargetError, match="a choice of one action only"):
        make_target_function(policy, parse_target("logit:runner_up", policy), context_of(mask, policy, x))(x)
