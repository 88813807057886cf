"""A thousand actions: memory and time are linear in their number."""

import json
import subprocess
import sys
import textwrap

import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.errors import TargetError
from rltools.policies.base import Context
from rltools.targets import Target, linear_weights, make_target_function, parse_target

TARGETS = [
    *("centered:chosen", "logit:chosen", "logit:3", "logit:chosen - runner_up", "centered:chosen - 7"),
    *("log_probability:chosen", "probability:runner_up", "entropy", "kl", "logit:0 & entropy & centered:chosen"),
]
MEASURED = """
import json, resource, sys, tempfile
import gymnasium, numpy as np, torch
from gymnasium.spaces import Box, Discrete
from torch import nn
import rltools

torch.set_num_threads(1)
targets = json.loads(sys.argv[1])

def use(actions, folder):
    class Steps(gymnasium.Env):
        observation_space, action_space = Box(-1, 1, (4,), np.float32), Discrete(actions)
        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed); self.t = 0
            return self.np_random.uniform(-1, 1, 4).astype(np.float32), {}
        def step(self, action):
            self.t += 1
            return self.np_random.uniform(-1, 1, 4).astype(np.float32), 1.0, self.t == 4, False, {}
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, actions))
    policy = rltools.TorchPolicy(net, Steps.observation_space, Steps.action_space)
    recording = rltools.record(policy, Steps, episodes=2, directory=f"{folder}/{actions}")
    states = np.eye(4, dtype=np.float32)[:2]
    methods = ("gradient", "shapley", "integrated_gradients", "occlusion", "rise")
    for at, target in enumerate(targets):
        for method in {"gradient", methods[at % 5]}:
            rltools.attribute(policy, states, method=method, target=target, references=states)
            rltools.explain(recording, policy, method=method, target=target, references=2)
        rltools.summarize(recording, method="gradient", target=target).findings
    for method in ("decision_change", "sarfa"):
        rltools.explain(recording, policy, method=method, references=2)
        rltools.summarize(recording, method=method).findings
    for target in ("log_probability:all", "centered:all & centered:chosen"):
        rltools.explain(recording, policy, target=target)
    for method in ("gradient", "shapley", "occlusion"):
        rltools.attribute(policy, states, method=method, target="logit:all", references=states)
        rltools.explain(recording, policy, method=method, target="centered:all", references=2)
        rltools.summarize(recording, method=method, target="centered:all").findings
    rltools.explain(recording, policy, method="shapley", target="logit:all", references=8)
    rltools.summarize(recording, method="shapley", target="logit:all").findings
    rltools.plots.action_matrix(recording, method="gradient", target=targets[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with tempfile.TemporaryDirectory() as folder:
    before = use(10, folder)
    print(json.dumps([before, use(1000, folder)]))
"""


def policy_of(actions):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, actions)).double()
    return rltools.TorchPolicy(net, Box(-1, 1, (3,)), Discrete(actions), dtype=torch.float64)


def test_a_thousand_actions_take_less_than_100_mb():
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURED), json.dumps(TARGETS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    before, after = json.loads(ran.stdout.splitlines()[-1])
    assert after - before < 100, f"{after - before:.0f} MB more than of ten actions"


@pytest.mark.parametrize(
    "text", ["centered:chosen", "logit:2", "centered:chosen - 1", "logit:all", "centered:all & logit:0"]
)
def test_weights_are_the_derivatives_by_the_outputs(text):
    policy = policy_of(5)
    target, action = parse_target(text, policy), torch.tensor([0, 3, 4])
    weights = linear_weights(policy, target)
    result = weights.of_rows(action)
    scores = torch.randn(3, 5, dtype=torch.float64)
    read = rltools.targets.read_scalars(policy, target, Context(action=action))
    expected = torch.autograd.functional.jacobian(lambda outputs: read({"logit": outputs}), scores)
    for row in range(3):
        torch.testing.assert_close(result[row if len(result) > 1 else 0], expected[row, :, row])
    assert (weights.chosen is None) == ("chosen" not in text)


def test_no_table_of_actions_by_actions():
    weights = linear_weights(policy_of(2000), Target("centered", "chosen"))
    assert weights.fixed.shape == (1, 2000)
    assert weights.chosen.shape == (1,)


def test_all_of_many_actions_has_the_head_as_its_gradient():
    policy = policy_of(300)
    x = torch.randn(4, 3, dtype=torch.float64)
    result = make_target_function(
        policy, Target("logit", "all"), Context(action=torch.zeros(4, dtype=torch.int64))
    ).gradients(x)
    expected = torch.autograd.functional.jacobian(lambda rows: policy.head("logit", rows, Context()).sum(0), x)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("count", [101, 3000])
def test_too_many_together_are_refused(count):
    policy = policy_of(5)
    joined = None
    for _ in range(count):
        joined = Target("logit", "0", None, joined)
    for target in (" & ".join(["logit:0"] * count), joined):
        with pytest.raises(TargetError, match=rf"names {count} scores in one pass, and up to 100 are explained"):
            parse_target(target, policy)


def test_a_hundred_together_are_not():
    policy = policy_of(100)
    text = " & ".join(f"logit:{index}" for index in range(100))
    assert str(parse_target(text, policy)) == text


def test_an_error_names_some_of_very_many():
    with pytest.raises(TargetError, match="and 980 more") as result:
        parse_target("logit:up", policy_of(1000))
    assert len(str(result.value)) < 1500
