"""The decision, divergence, dueling heads, several targets in one pass, and what is said of a slip of the pen."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from hypothesis import given, settings
from torch import nn
from torch.distributions import Categorical, kl_divergence

from rltools import AttributionWrapper, Target, TorchPolicy, attribute, explain, load_policy, record
from rltools.attributions import find_method
from rltools.errors import TargetError
from rltools.policies.actions import count_actions
from rltools.policies.base import Context
from rltools.targets import SCORES, available_scores, fitting_target, make_target_function, parse_target, target_labels

quick = settings(deadline=None, max_examples=15)
FEATURES = 3


def policy_of(space, heads=("logit",), *, seed=0, names=None, **choices):
    """A smooth network with a head of each name, in float64; `calls` counts how often each is computed."""
    torch.manual_seed(seed)
    outputs = count_actions(space)
    body = nn.Sequential(nn.Linear(FEATURES, 6), nn.Tanh()).double()
    tops = {head: nn.Linear(6, 1 if head == "value" else outputs).double() for head in heads}
    calls = dict.fromkeys(heads, 0)

    def head(name):
        def compute(x):
            calls[name] += 1
            return 3 * tops[name](body(x))

        return compute

    policy = TorchPolicy(
        nn.ModuleList([body, *tops.values()]),
        Box(-np.inf, np.inf, (FEATURES,)),
        space,
        {name: head(name) for name in heads},
        action_names=names,
        dtype=torch.float64,
        **choices,
    )
    policy.calls = calls
    return policy


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def request(text, policy, x, context=None):
    return make_target_function(policy, parse_target(text, policy), context or Context())(x)


SPACES = [Discrete(4), Discrete(3, start=-1), MultiDiscrete([3, 2]), MultiBinary(3), Box(-2, 1, (2,))]


class TestDecision:
    @pytest.mark.parametrize("space", SPACES, ids=str)
    @given(seed=st.integers(0, 2**16), lead=st.lists(st.integers(1, 3), max_size=2))
    @quick
    def test_it_is_what_the_policy_does(self, space, seed, lead):
        policy = policy_of(space, ("action",) if isinstance(space, Box) else ("logit",), seed=seed)
        x = draw(4, *lead, FEATURES, seed=seed)
        result = request("decision", policy, x)
        actions = policy.act(x.reshape(-1, FEATURES).numpy(), Context()).actions
        start = getattr(space, "start", 0)
        expected = torch.as_tensor(actions / 3 if isinstance(space, Box) else actions - start).double()
        torch.testing.assert_close(result, expected.reshape(4, *lead, -1), rtol=0, atol=1e-6)

    @given(seed=st.integers(0, 2**16), sizes=st.sampled_from([[4], [3, 2]]))
    @quick
    def test_it_is_the_best_action_of_those_allowed(self, seed, sizes):
        space = Discrete(4) if sizes == [4] else MultiDiscrete(sizes)
        policy = policy_of(space, seed=seed, masked=True)
        x, generator = draw(5, FEATURES, seed=seed), torch.Generator().manual_seed(seed)
        mask = torch.rand(5, sum(sizes), generator=generator) < 0.4
        mask[:, np.cumsum([0, *sizes[:-1]])] = True
        result = request("decision", policy, x, Context(mask=mask))
        logits = policy.head("logit", x, Context()).detach().masked_fill(~mask, -np.inf)
        best = torch.stack([part.argmax(1) for part in logits.split(sizes, 1)], 1)
        assert torch.equal(result, best.double())
        acted = policy.act(x.numpy(), Context(mask=mask)).context.action.reshape(5, -1)
        assert torch.equal(result, acted.double())

    def test_a_choice_of_the_policys_own(self):
        policy = policy_of(Discrete(3), choose=lambda scores, deterministic, rngs: scores.argmin(1).numpy())
        x = draw(6, FEATURES)
        assert torch.equal(request("decision", policy, x)[:, 0], policy.head("logit", x, Context()).argmin(1).double())

    def test_continuous_actions_are_cut_off_as_the_environment_cuts_them(self):
        space = Box(np.float32([-0.1, 0]), np.float32([0.1, 0]))
        policy = policy_of(space, ("action",))
        result = request("decision", policy, draw(50, FEATURES))
        assert float(result[:, 0].min()) == pytest.approx(-0.5)
        assert float(result[:, 0].max()) == pytest.approx(0.5)
        assert not result[:, 1].any(), "a dimension that can have one value only never moves"

    @pytest.mark.parametrize(
        ("space", "labels"),
        [
            (Discrete(4), ("decision",)),
            (MultiDiscrete([3, 2]), ("decision[0]", "decision[1]")),
            (MultiBinary(3), ("decision[0]", "decision[1]", "decision[2]")),
            (Box(-2, 1, (2,)), ("decision:action 0", "decision:action 1")),
        ],
        ids=str,
    )
    def test_labels(self, space, labels):
        policy = policy_of(space, ("action",) if isinstance(space, Box) else ("logit",))
        assert target_labels(parse_target("decision", policy), policy) == labels

    def test_only_choices_are_categorical(self):
        choice, box = policy_of(Discrete(2)), policy_of(SPACES[4], ("action",))
        assert make_target_function(choice, Target("decision"), Context()).categorical
        assert not make_target_function(choice, Target("centered", "chosen"), Context(torch.zeros(1))).categorical
        assert not make_target_function(box, Target("decision"), Context()).categorical

    def test_no_rows_and_no_numbers(self):
        policy = policy_of(MultiDiscrete([3, 2]))
        assert request("decision", policy, draw(0, 2, FEATURES)).shape == (0, 2, 2)
        x = draw(3, FEATURES)
        x[1] = torch.nan
        assert request("decision", policy, x).isnan().all(1).tolist() == [False, True, False]

    def test_actions_without_bounds_have_none(self):
        space = Box(np.float32([-1, 0]), np.float32([1, np.inf]))
        policy = policy_of(space, ("action",), names=["steer", "gas"])
        with pytest.raises(
            TargetError, match=r"no target 'decision': .*'gas' has no bounds; give the policy an action_sp"
        ):
            parse_target("decision", policy)

    @pytest.mark.parametrize("text", ["decision & value", "decision - value", "decision:all", "value & decision"])
    def test_it_is_asked_for_alone(self, text):
        with pytest.raises(TargetError, match="'decision' cannot be combined with other targets"):
            parse_target(text, policy_of(Discrete(2), ("logit", "value")))

    def test_an_action_of_its_name(self):
        policy = policy_of(Discrete(2), names=["decision", "value"])
        assert parse_target("decision", policy) == Target("decision")
        assert parse_target("logit:decision", policy) == Target("logit", "decision")

    @pytest.mark.parametrize("agent", ["lunarlander-dqn", "pendulum-sac", "hopper-ppo"])
    def test_of_real_agents(self, agent):
        policy = load_policy(agent)
        states = np.random.default_rng(0).normal(size=(64, policy.features.size)).astype(np.float32)
        result = request("decision", policy, policy.encode(states))
        acted = policy.act(states, Context()).actions
        space = policy.action_space
        expected = acted / (space.high - space.low) if isinstance(space, Box) else acted
        torch.testing.assert_close(result, torch.as_tensor(expected).float().reshape(64, -1), rtol=1e-5, atol=1e-6)


class TestFitting:
    @pytest.mark.parametrize("text", ["logit:{}", "{}", "logit:chosen[{}]", "logit:0 - {}"])
    def test_a_number_that_is_too_long_to_be_read(self, text, cartpole):
        with pytest.raises(TargetError, match="has no target"):
            attribute(cartpole, np.zeros(4), target=text.format("9" * 5000))

    def test_each_method_has_its_default(self):
        policy = policy_of(Discrete(2))
        about = find_method("decision_change").needs
        assert fitting_target("decision_change", about, None, policy) == Target("decision")
        assert fitting_target("decision_change", about, "decision", policy) == Target("decision")
        assert str(fitting_target("gradient", {"gradient"}, None, policy)) == "centered:chosen"

    def test_what_does_not_fit_says_what_does(self):
        policy = policy_of(Discrete(2))
        with pytest.raises(
            TargetError, match=r"decision_change explains the decision of .*, not a score such as 'entropy'"
        ):
            fitting_target("decision_change", {"decision"}, "entropy", policy)
        with pytest.raises(TargetError, match=r"gradient cannot explain it; take decision_change, or .*'centered:ch"):
            fitting_target("gradient", {"gradient"}, "decision", policy)

    @pytest.mark.parametrize(("method", "target"), [("gradient", "decision"), ("decision_change", "entropy")])
    def test_wherever_a_method_is_asked(self, method, target, cartpole, tmp_path):
        import gymnasium

        states = np.zeros((2, 4), np.float32)
        with pytest.raises(TargetError, match="decision"):
            attribute(cartpole, states, method=method, target=target, references=states)
        with pytest.raises(TargetError, match="decision"):
            AttributionWrapper(gymnasium.make("CartPole-v1"), cartpole, method, target, references=states)
        with pytest.raises(TargetError, match="decision"):
            explain(record(cartpole, episodes=1, directory=tmp_path / "r"), cartpole, method=method, target=target)


class TestDivergence:
    @pytest.mark.parametrize("space", SPACES[:4], ids=str)
    @given(seed=st.integers(0, 2**16))
    @quick
    def test_against_distributions_of_torch(self, space, seed):
        policy = policy_of(space, seed=seed)
        index, x = draw(4, FEATURES, seed=seed), draw(4, 3, FEATURES, seed=seed + 1)
        recorded = policy.head("logit", index, Context()).detach()
        result = request("kl", policy, x, Context(scores=recorded))
        present = policy.head("logit", x.reshape(-1, FEATURES), Context()).reshape(4, 3, -1)
        parts = zip(recorded[:, None].split(policy.branches, -1), present.split(policy.branches, -1), strict=True)
        expected = sum(kl_divergence(Categorical(logits=p), Categorical(logits=q)) for p, q in parts)
        torch.testing.assert_close(result[..., 0], expected)
        assert (result >= 0).all()

    def test_of_allowed_actions_only(self):
        policy = policy_of(Discrete(4), masked=True)
        index, x, allowed = draw(3, FEATURES), draw(3, FEATURES, seed=1), torch.tensor([[True, False, True, True]] * 3)
        recorded = policy.head("logit", index, Context()).detach()
        result = request("kl", policy, x, Context(scores=recorded, mask=allowed))[:, 0]
        present = policy.head("logit", x, Context())
        remaining = [Categorical(logits=logits[:, [0, 2, 3]]) for logits in (recorded, present)]
        torch.testing.assert_close(result, kl_divergence(*remaining))

    def test_it_is_nothing_at_the_state_itself(self):
        policy, x = policy_of(Discrete(3)), draw(5, FEATURES)
        scores = policy.head("logit", x, Context()).detach()
        score = make_target_function(policy, parse_target("kl", policy), Context(scores=scores))
        assert not score(x).any()
        assert not score.own_values(x).any()
        torch.testing.assert_close(find_method("gradient")(score, x).values, torch.zeros(5, 1, FEATURES).double())

    def test_it_is_written_out_where_a_probability_underflows(self):
        policy = TorchPolicy(
            lambda x: torch.stack([1e4 * x[:, 0], 0 * x[:, 0]], 1), Box(-1, 1, (1,)), Discrete(2), dtype=torch.float64
        )
        recorded = torch.tensor([[1e4, 0.0]]).double()
        assert request("kl", policy, torch.ones(1, 1).double(), Context(scores=recorded)) == 0
        assert request("kl", policy, -torch.ones(1, 1).double(), Context(scores=recorded)) == 1e4

    def test_what_it_needs(self):
        with pytest.raises(
            TargetError, match=r"kl compares with the scores at the observation itself.* Context\(scores="
        ):
            request("kl", policy_of(Discrete(2)), draw(1, FEATURES))
        with pytest.raises(
            TargetError,
            match=r"no target 'kl': kl compares with the recorded logits, and this policy is recorded with its",
        ):
            parse_target("kl", policy_of(SPACES[4], ("mean", "action")))
        with pytest.raises(TargetError, match=r"'kl': kl compares with the recorded logits, and .* with its q_value"):
            parse_target("kl", policy_of(Discrete(2), ("q_value", "logit")))


class TestAdvantage:
    def test_of_a_dueling_network(self):
        policy = policy_of(Discrete(3), ("q_value", "advantage", "value"))
        x, context = draw(4, FEATURES), Context(action=torch.tensor([0, 2, 1, 1]))
        advantages = policy.head("advantage", x, context)
        torch.testing.assert_close(request("advantage:all", policy, x, context), advantages)
        torch.testing.assert_close(
            request("advantage:chosen", policy, x, context), advantages.gather(1, context.action[:, None])
        )
        assert parse_target("advantage:chosen - q_value:chosen", policy).minus == Target("q_value", "chosen")
        result = attribute(policy, x.numpy(), target="advantage:chosen")
        assert result.labels == ("advantage:chosen",)
        assert result.values.any()

    def test_nothing_is_invented(self):
        policy = policy_of(Discrete(3), ("q_value", "value"))
        assert "advantage" not in available_scores(policy)
        with pytest.raises(
            TargetError, match="'advantage:chosen': only dueling networks with an 'advantage' head have"
        ):
            parse_target("advantage:chosen", policy)


@pytest.mark.parametrize("agent", ["sac/Pendulum-v1_1", "ppo/LunarLanderContinuous-v2_1"])
def test_before_and_after_squashing_or_clipping(zoo, agent):
    """`mean` is what the network gives, `action` what the environment receives."""
    folder = zoo / agent
    model = next(path for path in sorted(folder.glob("*.zip")))
    policy = load_policy(model, normalize=False)
    x = draw(200, policy.features.size).float() * 3
    mean, action = request("mean:all", policy, x), request("action:all", policy, x)
    low, high = (torch.as_tensor(end) for end in (policy.action_space.low, policy.action_space.high))
    bounded = low + (torch.tanh(mean) + 1) / 2 * (high - low) if "sac" in agent else mean.clamp(low, high)
    torch.testing.assert_close(action, bounded, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(action, mean)
    received = policy.act(x.numpy(), Context()).actions
    torch.testing.assert_close(action, torch.as_tensor(received), rtol=1e-4, atol=1e-5)
    assert target_labels(parse_target("mean:0", policy), policy) == (f"mean:{policy.action_names[0]}",)


class TestSeveral:
    policy = policy_of(Discrete(3), ("logit", "value"), names=["left", "idle", "right"])
    texts = ("centered:chosen", "value", "entropy", "logit:left - right", "logit:all", "kl", "probability:1")

    def context(self, x):
        scores = self.policy.head("logit", x, Context()).detach()
        return Context(action=scores.argmin(1), scores=scores)

    @given(st.lists(st.sampled_from(texts), min_size=1, max_size=4, unique=True), st.integers(0, 99))
    @quick
    def test_scalars_and_gradients_are_those_of_each(self, texts, seed):
        x = draw(4, FEATURES, seed=seed)
        context = self.context(draw(4, FEATURES, seed=seed + 1))
        together = make_target_function(self.policy, parse_target(" & ".join(texts), self.policy), context)
        alone = [make_target_function(self.policy, parse_target(text, self.policy), context) for text in texts]
        assert together.outputs == sum(score.outputs for score in alone)
        torch.testing.assert_close(together(x), torch.cat([score(x) for score in alone], 1))
        gradient = find_method("gradient")
        torch.testing.assert_close(
            gradient(together, x).values, torch.cat([gradient(score, x).values for score in alone], 1)
        )

    def test_each_head_is_computed_once(self):
        x = draw(2, FEATURES)
        score = make_target_function(
            self.policy, parse_target("centered:all & value & entropy & logit:0", self.policy), self.context(x)
        )
        score(x)  # the first use of a head also checks that its rows are independent
        before = dict(self.policy.calls)
        score(x)
        assert {name: count - before[name] for name, count in self.policy.calls.items()} == {"logit": 1, "value": 1}

    @given(st.lists(st.sampled_from([*texts, "logit:0 - 1"]), min_size=1, max_size=5))
    @quick
    def test_text_and_labels(self, texts):
        text = " & ".join(texts)
        labels = [label for single in texts for label in target_labels(parse_target(single, self.policy), self.policy)]
        if len(set(labels)) < len(labels):
            with pytest.raises(TargetError, match="more than once; leave one of them out"):
                parse_target(text, self.policy)
            return
        target = parse_target(text, self.policy)
        assert str(target) == text
        assert parse_target(target, self.policy) == target
        assert target_labels(target, self.policy) == tuple(labels)
        assert [str(part) for part in target.parts] == list(texts)

    def test_a_name_and_its_position_are_the_same_scalar(self):
        with pytest.raises(TargetError, match="names logit:left more than once"):
            parse_target("logit:0 & value & logit:left", self.policy)

    def test_names_with_an_ampersand(self):
        policy = policy_of(Discrete(3), ("logit", "value"), names=["up & down", "down", "up"])
        x = draw(3, FEATURES)
        logits = policy.head("logit", x, Context())
        torch.testing.assert_close(request("logit:up & down", policy, x), logits[:, :1])
        torch.testing.assert_close(request("logit:up & logit:up & down", policy, x), logits[:, [2, 0]])
        torch.testing.assert_close(request("logit:up & down - up", policy, x), logits[:, :1] - logits[:, 2:])
        assert target_labels(parse_target("logit:0 & value", policy), policy) == ("logit:up & down", "value")
        odd = policy_of(Discrete(2), ("logit", "value"), names=["up", "up & value"])
        assert parse_target("logit:up & value", odd) == Target("logit", "up & value")
        with pytest.raises(TargetError, match="can be read in two ways"):
            parse_target(Target("logit", "up", also=Target("value")), odd)
        assert target_labels(parse_target("logit:0 & value", odd), odd) == ("logit:up", "value")

    @pytest.mark.parametrize("text", ["value & ", " & value", "value &value", "value & left", "value & nothing:chosen"])
    def test_each_part_is_a_target(self, text):
        with pytest.raises(TargetError, match="has no target"):
            parse_target(text, self.policy)

    def test_in_files_and_arrays(self, cartpole, tmp_path):
        recording = record(cartpole, episodes=2, directory=tmp_path / "run")
        text = "centered:chosen & entropy & logit:1"
        explain(recording, cartpole, method="gradient", target=text)
        result = recording.attribution("gradient", text)
        assert result.target == text
        name = cartpole.action_names[1]
        assert result.labels == ("centered:chosen", "entropy", f"logit:{name}")
        explain(recording, cartpole, method="gradient", target="entropy")
        alone = recording.attribution("gradient", "entropy")
        np.testing.assert_allclose(result.values[:, 1:2], alone.values, rtol=1e-5, atol=1e-7)
        data = recording.to_xarray(method="gradient", target=text)
        assert list(data["target"].values) == list(result.labels)
        np.testing.assert_array_equal(data["attribution_gradient"].sel(target="entropy"), result.values[:, 1])

    @pytest.mark.parametrize("target", ["logit:chosen & logit:all", "centered:chosen & entropy & logit:0"])
    @pytest.mark.parametrize("method", ["gradient", "integrated_gradients"])
    def test_live(self, cartpole, target, method):
        import gymnasium

        states = np.zeros((2, 4), np.float32)
        env = AttributionWrapper(gymnasium.make("CartPole-v1"), cartpole, method, target, references=states)
        observation, _ = env.reset(seed=1)
        *_, info = env.step_policy()
        expected = attribute(cartpole, observation, method=method, target=target, references=states)
        assert env.labels == expected.labels
        np.testing.assert_allclose(info["attribution"], expected.values[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(info["score"], expected.scores[0], rtol=1e-4, atol=1e-6)


class TestNames:
    policy = policy_of(Discrete(3), ("logit", "value"), names=["left", "idle", "right"])

    @pytest.mark.parametrize(
        ("text", "label"),
        [
            ("logit:1", "logit:idle"),
            ("logit:0 - 2", "logit:left - right"),
            ("logit:0 - logit:right", "logit:left - right"),
            ("probability:0 - logit:1", "probability:left - logit:idle"),
            ("value - logit:1", "value - logit:idle"),
            ("logit:chosen", "logit:chosen"),
        ],
    )
    def test_a_position_is_labeled_with_its_name(self, text, label):
        target = parse_target(text, self.policy)
        assert str(target).replace("logit:right", "right") == text.replace("logit:right", "right")
        assert target_labels(target, self.policy) == (label,)
        x = draw(2, FEATURES)
        torch.testing.assert_close(
            request(label, self.policy, x, Context(torch.zeros(2, dtype=torch.int64))),
            request(text, self.policy, x, Context(torch.zeros(2, dtype=torch.int64))),
        )

    def test_unless_that_would_mean_another(self):
        policy = policy_of(Discrete(3), names=["left", "right", "left - right"])
        assert target_labels(parse_target("logit:0 - 1", policy), policy) == ("logit:0 - 1",)
        swapped = policy_of(Discrete(2), names=["1", "0"])
        assert target_labels(parse_target("logit:1", swapped), swapped) == ("logit:1",)

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("logit:lefft", "logit:left"),
            ("logits:left", "logit:left"),
            ("Logit:Left", "logit:left"),
            ("centered:choosen", "centered:chosen"),
            ("logit:left - rihgt", "logit:left - right"),
            ("logit:left & valeu", "logit:left & value"),
            ("logit:run_up", "logit:runner_up"),
            ("entropie", "entropy"),
        ],
    )
    def test_a_slip_of_the_pen_is_understood(self, text, meant):
        with pytest.raises(TargetError, match=f"no target '{text}'; did you mean '{meant}'\\? A target is"):
            parse_target(text, self.policy)

    def test_nothing_is_suggested_where_nothing_is_near(self):
        for text in ("logit:zzz", "", "qqq"):
            with pytest.raises(TargetError, match="has no target") as message:
                parse_target(text, self.policy)
            assert "did you mean" not in str(message.value)


def test_the_page_about_targets_runs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 7
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(block, names)
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert {score for row in rows for score in re.findall("`(.*?)`", row)} == {*SCORES} - {"decision"}
