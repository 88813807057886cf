"""Policies around functions: a tree, a rule, a table, scores, continuous actions, and a function of one observation."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text
from numpy.testing import assert_allclose
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import rltools
from rltools.ablation.replacements import find_replacement, replacement_names
from rltools.errors import ArgumentError, GradientError, MismatchError, TargetError
from rltools.experiments import read_experiment
from rltools.experiments._possible import possible_faults
from rltools.policies.base import Context
from rltools.testing import check_policy

WEIGHTS = np.array([[0.3, -1.0, 2.0, 0.5], [-0.2, 0.4, -1.5, 1.0]])


def rule(observations: np.ndarray) -> np.ndarray:
    return (observations[:, 2] + observations[:, 3] > 0).astype(int)


def rule_of_one(observation: np.ndarray) -> int:
    return int(observation[2] + observation[3] > 0)


def logits(observations: np.ndarray) -> np.ndarray:
    return np.tanh(observations.astype(np.float64)) @ WEIGHTS.T


def tree(actions: int = 2) -> DecisionTreeClassifier:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(300, 4)).astype(np.float32)
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(states, rule(states) if actions == 2 else None)


class SpacesEnv(gymnasium.Env[Any, Any]):
    """Random observations of a space, for three steps."""

    def __init__(self, observed: Any, acted: Any) -> None:
        self.observation_space, self.action_space, self.t = observed, acted, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        self.observation_space.seed(int(self.np_random.integers(1 << 30)))
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        return self.observation_space.sample(), 1.0, self.t >= 3, False, {}


MIXED = Dict(
    pose=Box(-1, 1, (2,), np.float64),
    gear=Discrete(3, start=1),
    picture=Box(0, 255, (2, 2, 1), np.uint8),
    switches=MultiBinary(2),
    label=Text(3),
)
POLICIES: dict[str, Callable[[], Any]] = {
    "rule": lambda: rltools.FunctionPolicy(rule, "CartPole-v1"),
    "rule of one observation": lambda: rltools.FunctionPolicy(rule_of_one, "CartPole-v1", batched=False),
    "five rows a call": lambda: rltools.FunctionPolicy(rule, "CartPole-v1", batch=5),
    "tree": lambda: rltools.FunctionPolicy(tree().predict_proba, "CartPole-v1", returns="probabilities"),
    "logits": lambda: rltools.FunctionPolicy(logits, "CartPole-v1", returns="logits"),
    "table": lambda: rltools.FunctionPolicy(lambda states: np.arange(16)[states] % 4, "FrozenLake-v1"),
    "table of values": lambda: rltools.FunctionPolicy(
        lambda states: np.sin(np.arange(64)).reshape(16, 4)[states], "FrozenLake-v1", returns="q_values"
    ),
    "continuous": lambda: rltools.FunctionPolicy(lambda x: -3 * x[:, 1] - x[:, 2], "Pendulum-v1"),
    "choices": lambda: rltools.FunctionPolicy(
        lambda x: np.stack([x["gear"], x["switches"].sum(1)], 1),
        lambda: SpacesEnv(MIXED, MultiDiscrete([4, 3])),
    ),
    "probabilities of choices": lambda: rltools.FunctionPolicy(
        lambda x: [np.eye(2)[x["switches"][:, k].astype(int)] for k in range(2)],
        lambda: SpacesEnv(MIXED, MultiBinary(2)),
        returns="probabilities",
    ),
}


@pytest.mark.parametrize("name", POLICIES)
def test_it_is_a_policy(name: str) -> None:
    policy = POLICIES[name]()
    check_policy(policy)
    again = pickle.loads(cloudpickle.dumps(policy))
    space = policy.observation_space
    space.seed(1)
    x = policy.encode(rltools.spaces.leaves.placeholder_observations(space, 3))
    assert torch.equal(again.head(policy.heads[0], x, Context()), policy.head(policy.heads[0], x, Context()))
    assert (again.source, again.heads) == (policy.source, policy.heads)


def test_the_function_gets_observations_as_the_environment_gives_them() -> None:
    seen: list[Any] = []

    def function(observations: Any) -> Any:
        seen.append(observations)
        return observations["gear"] - 1

    policy = rltools.FunctionPolicy(function, lambda: SpacesEnv(MIXED, Discrete(3)))
    rltools.record(policy, policy.environment, episodes=2, num_envs=1)
    for observations in seen:
        assert {name: part.dtype.name for name, part in observations.items()} == {
            "gear": "int64",
            "picture": "uint8",
            "pose": "float64",
            "switches": "int8",
        }
        assert all(MIXED[name].contains(row) for name, part in observations.items() for row in part)


def test_single_observations_are_as_the_environment_gives_them() -> None:
    seen: list[Any] = []

    def function(state: Any) -> int:
        seen.append(state)
        return int(state) % 4

    rltools.FunctionPolicy(function, "FrozenLake-v1", batched=False)
    assert all(np.ndim(state) == 0 and 0 <= state < 16 for state in seen)
    assert len(seen) < 2 * 16 + 8  # equal ones are asked once in each call


def test_shapley_values_are_those_of_the_same_network() -> None:
    linear = nn.Linear(4, 2, bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(WEIGHTS))
    env = gymnasium.make("CartPole-v1")
    network = rltools.TorchPolicy(
        nn.Sequential(nn.Tanh(), linear), env.observation_space, env.action_space, dtype=torch.float64
    )
    function = POLICIES["logits"]()
    states = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    for method in ("shapley", "sampled_shapley", "occlusion", "decision_change"):
        for target in [None] if method == "decision_change" else [None, "probability:chosen", "entropy"]:
            expected = rltools.attribute(network, states, method=method, target=target, references=states[:3])
            actual = rltools.attribute(function, states, method=method, target=target, references=states[:3])
            assert_allclose(actual.values, expected.values, atol=1e-12)


def test_probabilities_are_explained_as_they_are() -> None:
    policy, states = POLICIES["tree"](), np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    explained = rltools.attribute(policy, states, method="shapley", references=states[:1])
    assert explained.spec.target == "probability:chosen"
    probabilities = tree().predict_proba(states)
    chosen = probabilities.argmax(1)
    rows = np.arange(5)
    assert_allclose(explained.scores[:, 0], probabilities[rows, chosen], atol=1e-12)
    assert_allclose(explained.values.sum(2)[:, 0], probabilities[rows, chosen] - probabilities[0, chosen], atol=1e-12)
    for target in ("log_probability:chosen", "entropy", "kl", "centered:chosen"):
        assert np.isfinite(
            rltools.attribute(policy, states, method="occlusion", target=target, references=states).values
        ).all()
    with pytest.raises(TargetError, match="has no target 'logit:chosen'"):
        rltools.attribute(policy, states, method="occlusion", target="logit:chosen", references=states)


def test_random_actions_follow_the_probabilities() -> None:
    env = lambda: SpacesEnv(Box(0, 1, (1,)), Discrete(3, start=5))  # noqa: E731
    policy = rltools.FunctionPolicy(
        lambda x: np.tile([0.5, 0.0, 0.5], (len(x), 1)), env, returns="probabilities", name="coin"
    )
    rngs = [np.random.default_rng(k) for k in range(400)]
    drawn = policy.act(np.zeros((400, 1)), Context(), deterministic=False, rngs=rngs).actions
    assert set(drawn.tolist()) == {5, 7}
    assert abs((drawn == 5).mean() - 0.5) < 0.1
    for name in ("rule", "table of values", "continuous"):
        policy = POLICIES[name]()
        x = policy.encode(rltools.spaces.leaves.placeholder_observations(policy.observation_space, 2))
        with pytest.raises(ArgumentError, match="has no distribution to draw from"):
            policy.choose(policy.head(policy.heads[0], x, Context()), deterministic=False, rngs=rngs[:2])


def test_columns_of_a_tree_that_never_saw_an_action() -> None:
    states = np.random.default_rng(0).normal(size=(100, 2))
    seen = np.where(states[:, 0] > 0, 2, 0)
    fitted = DecisionTreeClassifier(random_state=0).fit(states, seen)
    policy = rltools.FunctionPolicy(
        fitted.predict_proba, lambda: SpacesEnv(Box(-1, 1, (2,)), Discrete(3)), returns="probabilities"
    )
    scores = policy.act(np.array([[0.5, 0.0], [-0.5, 0.0]]), Context()).scores
    assert scores.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "grad_cam", "var_grad", "deep_lift"])
def test_methods_that_differentiate_are_refused(method: str, tmp_path: Path) -> None:
    policy = POLICIES["rule"]()
    message = f"{method} differentiates, and rule has no gradients; take one that replaces features"
    with pytest.raises(GradientError, match=message):
        rltools.attribute(policy, np.zeros((2, 4)), method=method, references=np.zeros((1, 4)))
    with pytest.raises(GradientError, match=message):
        rltools.analyze(policy, method=method, directory=tmp_path / "run")
    with pytest.raises(GradientError, match=message):
        rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), policy, method=method)
    assert not (tmp_path / "run").exists()


def test_choices_are_replaced_as_a_whole() -> None:
    policy = POLICIES["choices"]()
    recording = rltools.record(policy, policy.environment, episodes=3)
    for method in ("shapley", "sampled_shapley", "occlusion", "decision_change"):
        settings = {} if method != "shapley" else {"groups": "variables"}
        explained = rltools.explain(recording, policy, method=method, references=4, **settings)
        attribution = explained.attribution(method)
        gear = attribution.values[..., [policy.features.names.index(f"gear={value}") for value in (1, 2, 3)]]
        assert (gear == gear[..., :1]).all()  # a group's value is spread evenly
        assert np.abs(gear).max() > 0
    states = recording.episode(0).observations
    with pytest.raises(ArgumentError, match=r"gear that is one of 3 values, and a method put 0 of them in its place"):
        rltools.attribute(policy, states, method="occlusion", replacement="zero", references=states)
    with pytest.raises(ArgumentError, match="one of 3 values, and a method put"):
        rltools.attribute(policy, states, method="occlusion", groups={"some": ["gear=1"]}, references=states)


def test_ablation_puts_in_whole_choices() -> None:
    policy = POLICIES["table"]()
    recording = rltools.record(policy, episodes=3)
    ablation = rltools.ablate(policy, recording, seeds=2, most=2)
    assert (ablation.replace, ablation.second) == ("resample", "hold")
    for name in replacement_names():
        if find_replacement(name).mixes_choices:
            with pytest.raises(ArgumentError, match=f"takes whole choices only, and {name} mixes their values"):
                rltools.ablate(policy, recording, replace=name)


def test_an_experiment_says_before_it_begins_what_a_function_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "functions.yaml").write_text(
        "description: What does a table look at?\nagents: [cartpole-ppo]\n"
        "methods: [gradient, shapley, decision_change, integrated_gradients]\nablate: {replace: mean, second: hold}\n"
    )
    plan = read_experiment(tmp_path / "functions.yaml")
    faults = possible_faults(plan, POLICIES["table"]())
    assert [fault.partition(": ")[0] for fault in faults] == ["methods", "methods", "ablate"]
    assert "gradient differentiates, and function has no gradients" in faults[0]
    assert "integrated_gradients differentiates" in faults[1]
    assert "takes whole choices only, and mean mixes their values" in faults[2]


def test_calls_have_exactly_as_many_rows_and_equal_rows_are_asked_once() -> None:
    sizes: list[int] = []

    def counted(observations: np.ndarray) -> np.ndarray:
        sizes.append(len(observations))
        return rule(observations)

    policy = rltools.FunctionPolicy(counted, "CartPole-v1", batch=8)
    assert set(sizes) == {8}
    sizes.clear()
    states = np.repeat(np.random.default_rng(0).normal(size=(10, 4)), 7, axis=0)
    acted = policy.act(states, Context())
    assert sizes == [8, 8]  # ten different rows
    assert_allclose(acted.actions, rule(states))


def test_the_same_episodes_whatever_is_computed_together() -> None:
    policies = [POLICIES[name]() for name in ("rule", "rule of one observation", "five rows a call")]
    assert len({policy.source.sha256 for policy in policies}) == 1
    recordings = [
        rltools.record(policy, episodes=3, num_envs=num_envs, max_steps=60)
        for policy in policies
        for num_envs in (1, 5)
    ]
    with ThreadPoolExecutor(2) as executor:
        recordings.append(rltools.record(policies[0], episodes=3, workers=executor, max_steps=60))
    for number in range(3):
        expected = recordings[0].episode(number)
        for recording in recordings[1:]:
            episode = recording.episode(number)
            for name in ("observations", "actions", "scores", "rewards"):
                assert getattr(episode, name).tobytes() == getattr(expected, name).tobytes()


def test_analyze_says_which_methods_explain_a_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A page has every note of its recording; to draw it takes ten seconds.
    monkeypatch.setattr("rltools.experiments.analyze.write_report", lambda recording, **choices: None)
    monkeypatch.setattr("rltools.experiments.analyze.replay_episodes", lambda *args, **choices: None)
    policy = POLICIES["tree"]()
    analysis = rltools.analyze(
        policy, episodes=2, ablate=False, frames=False, directory=tmp_path / "run", progress=True
    )
    sentence = "it has no gradients: decision_change, occlusion, rise, sampled_shapley, sarfa, shapley explain it"
    assert any(note.startswith(sentence) for note in analysis.recording.header.notes)
    assert "left out are deep_lift, expected_gradients" in capsys.readouterr().err
    assert {spec.method for spec in analysis.recording.specs.values()} == {"shapley", "decision_change"}
    assert analysis.summary.top(1)[0].feature in ("pole angle", "pole angular velocity")
    assert len(rltools.assess(analysis.recording, policy, metrics=["completeness"])) > 0


def test_a_live_step_is_explained() -> None:
    policy = POLICIES["rule"]()
    env = gymnasium.make("CartPole-v1")
    wrapped = rltools.AttributionWrapper(env, policy, method="shapley", references=np.zeros((1, 4)))
    wrapped.reset(seed=0)
    info = wrapped.step(1)[4]
    assert np.shape(info["attribution"])[-1] == 4


def _wrong(function: Callable[[Any], Any], **choices: Any) -> Callable[[], Any]:
    return lambda: rltools.FunctionPolicy(function, "CartPole-v1", **choices)


def _raise(observations: Any) -> Any:
    raise KeyError("a state")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (_wrong(_raise), MismatchError, r"failed for observations \[32, 4\] of float32: KeyError: 'a state'"),
        (_wrong(rule_of_one), MismatchError, "failed for .*; if it takes one observation at a time"),
        (_wrong(rule, batched=False), MismatchError, "IndexError"),
        (_wrong(logits), MismatchError, r"shape \[32, 2\].*give returns='probabilities', 'logits' or 'q_values'"),
        (_wrong(rule, returns="logits"), MismatchError, r"shape \[32\].*if these are actions, give returns='actions'"),
        (_wrong(logits, returns="probabilities"), MismatchError, r"which are no probabilities \(their sum is"),
        (_wrong(lambda x: 2 * rule(x) - 1), MismatchError, "returned the action -1, and actions are 0 to 1"),
        (_wrong(lambda x: x[:, 0]), MismatchError, r"returned the action \S+, and actions are 0 to 1"),
        (_wrong(lambda x: None), MismatchError, r"returned None; does it lack a `return`\?"),
        (_wrong(lambda x: ["left"] * len(x)), MismatchError, "returned a list; it must return an array of numbers"),
        (_wrong(lambda x: x[:, 2] > x[:, 2].mean()), MismatchError, "other scores for an observation among other"),
        (_wrong(rule, returns="values"), ArgumentError, "returns is 'values'; it must be one of 'actions'"),
        (_wrong(rule, batch=0), ArgumentError, "batch is 0; it must be a number of rows"),
        (_wrong(rule, batch=3, batched=False), ArgumentError, "leave one of them out"),
        (_wrong(rule, action_names=["left"]), ArgumentError, "1 action names for 2 actions"),
        (_wrong(tree()), ArgumentError, "model.predict_proba with returns='probabilities'"),  # type: ignore[arg-type]
        (_wrong(WEIGHTS), ArgumentError, "a function that looks observations up in it"),  # type: ignore[arg-type]
        (_wrong(nn.Linear(4, 2)), ArgumentError, "is a PyTorch module, which has gradients"),
    ],
)
def test_errors_say_what_to_do(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_scores_of_continuous_actions_are_refused() -> None:
    with pytest.raises(ArgumentError, match="are continuous, without a score for each"):
        rltools.FunctionPolicy(rule, "Pendulum-v1", returns="logits")


def test_continuous_actions_are_explained_as_the_environment_receives_them() -> None:
    policy = rltools.FunctionPolicy(lambda states: 9 * states[:, :1], "Pendulum-v1")
    states = np.array([[0.1, 1, 0], [0.9, 0, 1]], np.float32)
    attribution = rltools.attribute(policy, states, method="shapley", references=states[1:] * [0.5, 1, 1])
    np.testing.assert_allclose(attribution.scores[:, 0], [0.9, 2])
    np.testing.assert_allclose(attribution.values[:, 0, 0], [0.9 - 2, 0], atol=1e-6)


def test_a_function_that_knows_visited_states_only() -> None:
    env = gymnasium.make("FrozenLake-v1")
    made = rltools.FunctionPolicy(lambda states: states % 4, env)
    assert made.environment.id == "FrozenLake-v1"

    def function(observations: np.ndarray) -> np.ndarray:
        if (observations[:, 1] - observations[:, 0] != 1).any():
            raise ValueError("impossible")
        return np.zeros(len(observations), int)

    class Pair(SpacesEnv):
        def reset(self, **choices: Any) -> Any:
            super().reset(**choices)
            return self._pair(), {}

        def step(self, action: Any) -> Any:
            return self._pair(), *super().step(action)[1:]

        def _pair(self) -> np.ndarray:
            first = self.np_random.integers(0, 9)
            return np.array([first, first + 1], np.int64)

    with pytest.raises(MismatchError, match="works at observations that are visited, and fails at such that have"):
        rltools.FunctionPolicy(function, lambda: Pair(Box(0, 9, (2,), np.int64), Discrete(2)))


def test_a_random_function_has_a_caveat() -> None:
    rng = np.random.default_rng(0)
    policy = rltools.FunctionPolicy(lambda x: rng.integers(0, 2, len(x)), "CartPole-v1")
    assert any("the function is random" in note for note in policy.source.notes)
    assert not any("random" in note for note in POLICIES["rule"]().source.notes)


def test_another_function_has_another_sha256() -> None:
    other = rltools.FunctionPolicy(lambda x: 1 - rule(x), "CartPole-v1")
    assert other.source.sha256 != POLICIES["rule"]().source.sha256
    assert other.source.name == "function"
    assert POLICIES["tree"]().source.name == "DecisionTreeClassifier"


def test_what_is_not_a_policy_yet_is_told_how_to_become_one() -> None:
    for source in (rule, tree(), tree().predict, WEIGHTS):
        with pytest.raises(ArgumentError, match=r"give rltools\.FunctionPolicy\("):
            rltools.load_policy(source, "CartPole-v1")


def test_not_a_number_ends_an_episode() -> None:
    def scores(observations: np.ndarray) -> np.ndarray:
        return np.where(np.abs(observations[:, 2:3]) > 0.15, np.nan, [[0.0, 1.0]])

    policy = rltools.FunctionPolicy(scores, "CartPole-v1", returns="logits")
    with pytest.raises(rltools.errors.FaultError):
        rltools.record(policy, episodes=1)
