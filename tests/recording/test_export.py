"""Recordings as labeled arrays and tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from gymnasium.spaces import Box

import rltools
from rltools.errors import RecordingError
from rltools.recording._export import safe_names
from rltools.spaces import Features

Make = Callable[..., Any]
NAMED = Features((3,), ("feature",), ("height", "speed %", "Ω\n$x_1$"), ("m", "", "rad"))


def named(make_policy: Make, env: Any, **choices: Any) -> Any:
    return make_policy(env, features=NAMED, action_names=("left", "right"), **choices)


def test_dimensions_variables_and_labels(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=4)
    policy = named(make_policy, env)
    recording = rltools.record(policy, env, episodes=3)
    rltools.explain(recording, policy, method="gradient")
    rltools.explain(recording, policy, method="gradient", target="logit:right")
    rltools.explain(recording, policy, method="input_x_gradient")
    labeled = recording.to_xarray()
    assert dict(labeled.sizes) == {"step": 12, "feature": 3, "output": 2, "target": 2}
    assert set(labeled.data_vars) == {
        "observation",
        "action",
        "reward",
        "terminated",
        "truncated",
        "score",
        "margin",
        "attribution_gradient",
        "attribution_input_x_gradient",
    }
    assert labeled["observation"].dims == ("step", "feature")
    assert labeled["score"].dims == ("step", "output")
    assert labeled["action"].dims == ("step",)
    assert labeled["attribution_gradient"].dims == ("step", "target", "feature")
    assert labeled["feature"].values.tolist() == list(NAMED.names)
    assert labeled["unit"].values.tolist() == ["m", "", "rad"]
    assert labeled["output"].values.tolist() == ["left", "right"]
    assert set(labeled["target"].values) == {"centered:chosen", "logit:right"}
    assert labeled["episode"].values.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert labeled["t"].values.tolist() == [0, 1, 2, 3] * 3
    assert labeled["score"].attrs["head"] == "logit"
    assert labeled["attribution_gradient"].attrs == {"unit": "score per unit", "method": "gradient"}
    second = recording.episode(1)
    assert (labeled["observation"].values[4:8] == second.observations).all()
    for label in ("centered:chosen", "logit:right"):
        expected = recording.attribution("gradient", label).values[:, 0]
        assert (labeled["attribution_gradient"].sel(target=label).values == expected).all()


def test_nan_where_nothing_was_asked(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=4)
    policy = named(make_policy, env)
    recording = rltools.record(policy, env, episodes=1)
    rltools.explain(recording, policy, method="gradient", target="logit:left")
    rltools.explain(recording, policy, method="input_x_gradient", target="logit:right", every=2)
    labeled = recording.to_xarray()
    assert labeled["attribution_gradient"].sel(target="logit:right").isnull().all()
    assert not labeled["attribution_gradient"].sel(target="logit:left").isnull().any()
    assert labeled["attribution_input_x_gradient"].sel(target="logit:right").isnull().all(
        "feature"
    ).values.tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_one_attribution_of_it(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=4)
    policy = named(make_policy, env)
    recording = rltools.record(policy, env, episodes=1)
    for target in ("logit:left", "logit:right"):
        rltools.explain(recording, policy, method="gradient", target=target)
    rltools.explain(recording, policy, method="input_x_gradient")
    single = recording.to_xarray(method="gradient", target="logit:left")
    assert single["target"].values.tolist() == ["logit:left"]
    assert [name for name in single.data_vars if str(name).startswith("attribution")] == ["attribution_gradient"]
    with pytest.raises(RecordingError, match=r"no shapley in .*; explained there: gradient of logit:left"):
        recording.to_xarray(method="shapley")


def test_images_keep_their_axes(make_policy: Make, make_env: Make) -> None:
    env = make_env(observation_space=Box(0, 255, (4, 5, 3), np.uint8), length=3)
    policy = make_policy(env)
    recording = rltools.explain(rltools.record(policy, env, episodes=1), policy, method="gradient")
    labeled = recording.to_xarray()
    assert labeled["observation"].dims == ("step", "y", "x", "channel")
    assert labeled["observation"].dtype == np.uint8
    assert labeled["attribution_gradient"].dims == ("step", "target", "y", "x", "channel")
    assert labeled["attribution_gradient"].shape == (3, 1, 4, 5, 3)


def test_action_vectors_have_their_names(make_policy: Make) -> None:
    policy = make_policy("LunarLander-v3", kwargs={"continuous": True}, action_names=("main", "side"))
    recording = rltools.record(policy, episodes=2, max_steps=4)
    labeled = recording.to_xarray()
    assert "action" in labeled.data_vars
    assert labeled["action"].dims == ("step", "action_name")
    assert (labeled["action"].sel(action_name="side").values[:4] == recording.episode(0).actions[:, 1]).all()
    assert {"action.main", "action.side", "score.main"} <= set(recording.to_pandas().columns)


def test_action_matrices(make_policy: Make, make_env: Make) -> None:
    env = make_env(action_space=Box(-1, 1, (2, 3), np.float32))
    recording = rltools.record(make_policy(env), env, episodes=1)
    assert recording.episode(0).actions.shape == (5, 2, 3)
    assert recording.to_xarray()["action"].dims == ("step", "action_0", "action_1")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64", "bool"])
def test_observations_keep_their_dtype(dtype: str, make_policy: Make, make_env: Make) -> None:
    env = make_env(observation_space=Box(0, 1 if dtype == "bool" else 100, (3,), dtype))
    recording = rltools.record(make_policy(env), env, episodes=2)
    episode = recording.episode(0)
    assert episode.observations.dtype == dtype
    assert episode.final_observation is not None
    assert episode.final_observation.dtype == dtype
    assert recording.to_xarray()["observation"].dtype == dtype


def test_double_precision_reaches_the_arrays(make_policy: Make, make_env: Make) -> None:
    import torch

    env = make_env(observation_space=Box(-10, 10, (3,), np.float64))
    policy = make_policy(env, dtype=torch.float64)
    recording = rltools.explain(rltools.record(policy, env, episodes=1), policy, method="gradient")
    assert recording.episode(0).scores.dtype == np.float64
    labeled = recording.to_xarray()
    assert labeled["score"].dtype == np.float64
    assert labeled["attribution_gradient"].dtype == np.float64
    assert (labeled["attribution_gradient"].values == recording.attribution().values).all()


def test_a_row_a_step(make_policy: Make, make_env: Make) -> None:
    env = make_env(length=4)
    policy = named(make_policy, env)
    recording = rltools.explain(rltools.record(policy, env, episodes=2), policy, method="gradient")
    table = recording.to_pandas()
    assert list(table.columns) == [
        "episode",
        "t",
        *(f"observation.{name}" for name in NAMED.names),
        "action",
        "reward",
        "terminated",
        "truncated",
        "margin",
        "score.left",
        "score.right",
        *(f"gradient.centered:chosen.{name}" for name in NAMED.names),
    ]
    assert len(table) == 8
    assert table["terminated"].tolist() == [False, False, False, True] * 2
    expected = recording.attribution()["height"][:, 0]
    assert (table["gradient.centered:chosen.height"].to_numpy() == expected).all()


def test_tables_leave_pictures_out(make_policy: Make, make_env: Make) -> None:
    env = make_env(observation_space=Box(0, 255, (20, 20, 3), np.uint8))
    policy = make_policy(env)
    table = rltools.explain(rltools.record(policy, env, episodes=1), policy, method="gradient").to_pandas()
    assert list(table.columns) == [
        "episode",
        "t",
        "action",
        "reward",
        "terminated",
        "truncated",
        "margin",
        "score.action 0",
        "score.action 1",
    ]


@pytest.mark.parametrize("explained", [False, True])
def test_without_episodes(explained: bool, make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    env = make_env()
    policy = named(make_policy, env)
    recording = rltools.record(policy, env, episodes=1, directory=tmp_path)
    if explained:
        rltools.explain(recording, policy, method="gradient")
    recording.episode_path(0).unlink()
    labeled = recording.to_xarray()
    assert labeled.sizes["step"] == 0
    assert labeled["observation"].dims == ("step", "feature")
    assert labeled["terminated"].dtype == np.bool_
    assert ("attribution_gradient" in labeled) == explained
    assert len(recording.to_pandas()) == 0
    assert recording.outcomes() == []
    if explained:
        assert recording.attribution().values.shape == (0, 1, 3)


def test_two_targets_that_share_a_scalar_share_a_variable():
    policy = rltools.load_policy("pendulum-sac")
    recording = rltools.record(policy, episodes=1, max_steps=5)
    for target in ("action:all", "action:torque"):
        rltools.explain(recording, policy, method="gradient", target=target)
    values = recording.to_xarray()["attribution_gradient"].sel(target="action:torque").values
    assert np.isfinite(values).all()


def test_every_name_can_be_written_to_a_file_and_the_true_one_is_kept(
    make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    env = make_env(length=4)
    policy = named(make_policy, env)
    recording = rltools.record(policy, env, episodes=2, directory=tmp_path / "run")
    for method in ("captum:Saliency", "gradient"):
        rltools.explain(recording, policy, method=method)
    labeled = recording.to_xarray()
    assert labeled["attribution_captum_Saliency"].attrs["method"] == "captum:Saliency"
    assert all(str(name).isidentifier() for name in labeled.data_vars)
    labeled.to_netcdf(tmp_path / "run.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "run.nc", engine="scipy") as again:
        xr.testing.assert_equal(again["attribution_captum_Saliency"], labeled["attribution_captum_Saliency"])
    assert "captum:Saliency.centered:chosen.height" in recording.to_pandas().columns
    assert "gradient.centered:chosen.height" in recording.to_pandas().columns


def test_names_that_differ_differ_afterwards() -> None:
    assert safe_names(["a:b", "a_b", "a b", "cämera/0"]) == {
        "a:b": "a_b",
        "a_b": "a_b_",
        "a b": "a_b__",
        "cämera/0": "cämera_0",
    }
