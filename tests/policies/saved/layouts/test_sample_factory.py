"""What golden files of Sample Factory do not say: which checkpoint, other environments, other encoders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES
from gymnasium.spaces import Box, Discrete

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

RUNS = LIBRARIES / "sample_factory"
X = np.array([[0.1, -0.5, 0.02, 1.0], [0.0, 2.0, -0.1, -1.0]], np.float32)


def copied(tmp_path: Path, case: str, **settings: Any) -> Path:
    """A run with some of its settings changed."""
    run = Path(shutil.copytree(RUNS / case / case, tmp_path / case))
    content = json.loads((run / "config.json").read_text(encoding="utf-8"))
    (run / "config.json").write_text(json.dumps(content | settings), encoding="utf-8")
    return run


def checkpoint_of(run: Path) -> Path:
    (path,) = (run / "checkpoint_p0").iterdir()
    return path


def scores(source: Path, env: Any = None, **options: Any) -> np.ndarray:
    return load_policy(source, env, **options).act(X, Context()).scores


def test_a_run_says_its_environment_and_its_training() -> None:
    policy = load_policy(RUNS / "gru" / "gru")
    assert json.loads(policy.source.environment or "")["id"] == "CartPole-v1"
    assert policy.features.names[0] == "cart position"
    assert policy.source.notes[0] == (
        "rebuilt from weights in the layout of Sample Factory, with tanh between its layers (as its settings say)"
    )
    assert "checkpoint_p0/checkpoint_000000026_1664.pth" in policy.source.notes[1]


def test_rewards_of_the_training_were_scaled() -> None:
    discounting = load_policy(RUNS / "lstm" / "lstm").discounting
    assert (discounting.gamma, discounting.gae_lambda, discounting.reward_scale) == (0.99, 0.95, 10.0)


def test_a_checkpoint_in_a_run_is_read_with_its_settings(tmp_path: Path) -> None:
    path = checkpoint_of(copied(tmp_path, "mlp", nonlinearity="relu"))
    assert (scores(path) == scores(path.parent.parent)).all()
    assert (scores(path) != scores(RUNS / "mlp" / "mlp")).all()


def test_a_checkpoint_alone_has_the_defaults_of_the_library(tmp_path: Path) -> None:
    run = RUNS / "mlp" / "mlp"
    alone = Path(shutil.copy(checkpoint_of(run), tmp_path / "model.pth"))
    policy = load_policy(alone, "CartPole-v1")
    assert (policy.act(X, Context()).scores == scores(run)).all()  # it was trained with the defaults
    assert "no config.json" in policy.source.notes[-1]
    with pytest.raises(ArgumentError, match="no environment"):
        load_policy(alone)
    assert (
        scores(alone, "CartPole-v1", activation="relu") == scores(copied(tmp_path, "mlp", nonlinearity="relu"))
    ).all()


def test_the_checkpoint_is_the_one_that_the_library_would_take(tmp_path: Path) -> None:
    run = copied(tmp_path, "mlp")
    first = checkpoint_of(run)
    content = torch.load(first, weights_only=False)
    for name, factor in (("checkpoint_000000100_6400", 2.0), ("best_000000050_3200_reward_20.5", 3.0)):
        content["model"]["action_parameterization.distribution_linear.bias"] += factor
        torch.save(content, first.with_name(f"{name}.pth"))
    latest = load_policy(run)
    assert "checkpoint_000000100_6400.pth" in latest.source.notes[1]
    best = load_policy(copied(tmp_path / "other", "mlp", load_checkpoint_kind="best"))
    assert "checkpoint_000000026_1664.pth" in best.source.notes[1]  # it has no best one
    shutil.copy(first.with_name("best_000000050_3200_reward_20.5.pth"), tmp_path / "other" / "mlp" / "checkpoint_p0")
    assert "best_000000050" in load_policy(tmp_path / "other" / "mlp").source.notes[1]


def test_settings_had_another_name_once(tmp_path: Path) -> None:
    run = copied(tmp_path, "mlp")
    (run / "config.json").rename(run / "cfg.json")
    assert (scores(run) == scores(RUNS / "mlp" / "mlp")).all()


def test_a_run_without_a_checkpoint(tmp_path: Path) -> None:
    run = copied(tmp_path, "mlp")
    checkpoint_of(run).rename(run / "checkpoint_p0" / "other.pth")
    with pytest.raises(ModelError, match=r"no checkpoint_STEP_FRAMES\.pth"):
        load_policy(run)


def test_an_environment_that_is_not_there(tmp_path: Path) -> None:
    run = copied(tmp_path, "mlp", env="doom_basic")
    with pytest.raises(
        ArgumentError, match=r"trained in 'doom_basic', which cannot be made here.*give the environment"
    ):
        load_policy(run)
    assert (scores(run, "CartPole-v1") == scores(RUNS / "mlp" / "mlp")).all()


@pytest.mark.parametrize(("case", "env"), [("gru", "Pendulum-v1"), ("separate", "CartPole-v1"), ("mlp", "Acrobot-v1")])
def test_another_environment_is_refused_with_both_sizes(case: str, env: str) -> None:
    with pytest.raises(MismatchError, match=r"takes \d inputs and returns \d numbers?.*has \d features"):
        load_policy(RUNS / case / case, env)


@pytest.mark.parametrize(
    "key", ["encoder.encoders.other.mlp_head.0.weight", "encoder.basic_encoder.enc.conv_head.0.weight"]
)
def test_encoders_of_ones_own_are_refused_with_what_is_there(tmp_path: Path, key: str) -> None:
    run = copied(tmp_path, "mlp")
    content = torch.load(checkpoint_of(run), weights_only=False)
    content["model"][key] = torch.zeros(8, 4)
    torch.save(content, checkpoint_of(run))
    with pytest.raises(ModelError, match=r"mlp_head\.0\.weight.*TorchPolicy"):
        load_policy(run)


class ChannelsLast(gymnasium.Env[np.ndarray, int]):
    observation_space = Box(0, 255, (20, 20, 1), np.uint8)
    action_space = Discrete(3)


class ChannelsFirst(gymnasium.Env[np.ndarray, int]):
    observation_space = Box(0, 255, (1, 20, 20), np.uint8)
    action_space = Discrete(3)


def test_images_may_have_their_channels_last() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 20, 20), np.uint8)
    first = load_policy(RUNS / "images" / "images", ChannelsFirst).act(images, Context())
    last = load_policy(RUNS / "images" / "images", ChannelsLast).act(images.transpose(0, 2, 3, 1), Context())
    np.testing.assert_allclose(first.scores, last.scores, rtol=1e-6)


def test_the_std_of_its_actions_is_that_of_the_library() -> None:
    policy = load_policy(RUNS / "separate" / "separate")
    x = np.repeat(np.array([[1.0, 0.0, 0.5]], np.float32), 4000, axis=0)
    rngs = [np.random.default_rng(seed) for seed in range(len(x))]
    drawn = policy.act(x, Context(), deterministic=False, rngs=rngs).actions[:, 0]
    content = torch.load(checkpoint_of(RUNS / "separate" / "separate"), weights_only=False)["model"]
    with torch.no_grad():
        h = (torch.from_numpy(x[:1]) - 0.25) / 2
        for number in (0, 2):
            name = f"actor_encoder.encoders.obs.mlp_head.{number}"
            h = torch.nn.functional.elu(
                torch.nn.functional.linear(h, content[f"{name}.weight"], content[f"{name}.bias"])
            )
        last = "action_parameterization.distribution_linear"
        mean, log_std = torch.nn.functional.linear(h, content[f"{last}.weight"], content[f"{last}.bias"])[0].tolist()
    inside = np.abs(drawn) < 2
    expected = np.random.default_rng(1).normal(mean, np.exp(log_std), 100_000)
    assert abs(inside.mean() - (np.abs(expected) < 2).mean()) < 0.03
    assert abs(np.median(drawn) - mean) < 0.1
