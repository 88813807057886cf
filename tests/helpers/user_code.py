"""What a user's script looks like to a type checker in strict mode: `make lint` checks it, and nothing runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import gymnasium
import numpy as np
import pandas as pd
import torch
from torch import Tensor

import rltools
from rltools.attributions import Result, TargetFunction, method
from rltools.policies.base import Policy
from rltools.recording import Recording


@method(unit="score", axioms={"dummy"}, cost=lambda parts, references, settings: parts + 1)
def own_method(f: TargetFunction, x: Tensor) -> Result:
    """The sign of the gradient."""
    return Result(f.gradients(x).movedim(0, 1).sign())


def one_agent(model: Path) -> pd.DataFrame:
    """From a file to findings, a plot and a table."""
    policy = rltools.load_policy(model, env="LunarLander-v3", normalize=None)
    assert_type(policy, Policy)
    recording = rltools.record(policy, episodes=5, seed=1, directory=Path("runs") / "mine", num_envs=4)
    assert_type(recording, Recording)
    rltools.ablate(policy, recording, seeds=8)
    recording = rltools.explain(recording, policy, target="logit:chosen", method="gradient")
    for finding in rltools.summarize(recording).findings:
        print(str(finding), finding.kind)
    figure = rltools.plots.importance(recording).get_figure(root=True)
    assert figure is not None  # `.figure` is typed by matplotlib as a figure or a part of one
    figure.savefig("importance.png")
    page = rltools.replay(recording, episode=0, path="episode.html")
    assert_type(page, Path)
    values: np.ndarray = recording.attribution().values
    print(values.shape, [len(episode) for episode in recording])
    return rltools.assess(recording, policy)


def own_network(env: gymnasium.Env[Any, Any]) -> np.ndarray:
    """A network, a function, and attributions in one's own loop."""
    network = torch.nn.Linear(4, 2)
    policy = rltools.TorchPolicy(network, env, heads={"logit": network}, action_names=["left", "right"])
    rule = rltools.FunctionPolicy(lambda observations: observations[:, 2] > 0, env)
    print(policy.features.names, rule.features.units)
    live = rltools.AttributionWrapper(env, policy, "gradient", target="logit:chosen")
    observation, _ = live.reset(seed=0)
    return rltools.attribute(policy, observation[None]).values
