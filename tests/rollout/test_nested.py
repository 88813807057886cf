"""Dict observations, several actions at once, masks and memories, from the environment to labeled arrays."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

import rltools
from rltools.errors import ArgumentError, FaultError, MismatchError, RecordingError
from rltools.policies.base import RecurrentState

OBSERVED = spaces.Dict(
    camera=spaces.Box(0, 255, (4, 5, 3), np.uint8),
    cell=spaces.Discrete(4, start=1),
    note=spaces.Text(12),
    arms=spaces.Tuple([spaces.MultiBinary(3), spaces.MultiDiscrete([2, 3])]),
)
ACTED = spaces.MultiDiscrete([3, 2], start=[5, 0])


class Room(gymnasium.Env[Any, Any]):
    """Samples of its observation space; the middle value of the first choice is allowed every other step."""

    observation_space, action_space = OBSERVED, ACTED

    def __init__(self, cell: int | None = None, masks: bool = True) -> None:
        self.cell, self.masks = cell, masks

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space = copy.deepcopy(OBSERVED)  # or its parts would be shared by all rooms
        self.observation_space.seed(seed)
        self.t = 0
        return self._observe()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert ACTED.contains(action)
        assert self.t % 2 == 0 or action[0] != 6 or not self.masks
        self.t += 1
        observation, info = self._observe()
        return observation, 1.0, self.t >= 6, False, info

    def _observe(self) -> tuple[Any, dict[str, Any]]:
        observation = self.observation_space.sample()
        if self.cell is not None:
            observation["cell"] = np.int64(self.cell)
        return observation, {"action_mask": np.array([1, self.t % 2 == 0, 1, 1, 1])} if self.masks else {}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(60 + 4 + 3 + 5, 5)

    def forward(self, x: dict[str, Any]) -> Tensor:
        parts = [x["camera"].flatten(1) / 255, x["cell"], *x["arms"]]
        scores: Tensor = self.layer(torch.cat(parts, dim=1))
        return scores


def make_policy(masked: bool = True) -> rltools.TorchPolicy:
    torch.manual_seed(0)
    return rltools.TorchPolicy(Net(), OBSERVED, ACTED, masked=masked)


@pytest.fixture
def recording(tmp_path: Any) -> rltools.Recording:
    return rltools.record(make_policy(), Room, episodes=3, num_envs=2, directory=tmp_path / "run")


def test_everything_is_kept_as_it_came(recording: rltools.Recording) -> None:
    again = Room()
    observation, info = again.reset(seed=recording.outcome(1).seed)
    episode = recording.episode(1)
    for t, action in enumerate(episode.actions):
        np.testing.assert_array_equal(episode.observations["camera"][t], observation["camera"])
        assert episode.observations["cell"][t] == observation["cell"]
        assert episode.observations["note"][t] == observation["note"]
        np.testing.assert_array_equal(episode.observations["arms"][1][t], observation["arms"][1])
        np.testing.assert_array_equal(episode.masks[t], info["action_mask"].astype(bool))
        observation, *_, info = again.step(action)
    assert episode.final_observation["note"] == observation["note"]
    np.testing.assert_array_equal(episode.final_observation["camera"], observation["camera"])
    assert "text is recorded and not explained: note" in recording.header.notes


def test_episodes_are_the_same_whatever_runs_beside_them(recording: rltools.Recording, tmp_path: Any) -> None:
    alone = rltools.record(make_policy(), Room, episodes=3, num_envs=1, directory=tmp_path / "alone")
    for single, other in zip(alone, recording, strict=True):
        np.testing.assert_array_equal(single.states, other.states)
        np.testing.assert_array_equal(single.scores, other.scores)


def test_a_target_of_each_choice(recording: rltools.Recording) -> None:
    policy = make_policy()
    result = rltools.explain(recording, policy, method="gradient").attribution()
    assert result.labels == ("centered:chosen[0]", "centered:chosen[1]")
    episode, weights = recording.episode(0), policy._modules[0].layer.weight.detach().numpy()
    for t in range(len(episode)):
        allowed = episode.masks[t]
        first, second = episode.actions[t] - [5, 0]
        means = weights[:3][allowed[:3]].mean(0), weights[3:][allowed[3:]].mean(0)
        for branch, row in ((0, weights[first] - means[0]), (1, weights[3 + second] - means[1])):
            by_leaf = {"camera": row[:60] / 255, "cell": row[60:64], "arms/0": row[64:67], "arms/1": row[67:]}
            for part in recording.features.parts:
                mine = result.values[t, branch, part.start : part.stop]
                np.testing.assert_allclose(mine, by_leaf[part.leaf.name], rtol=1e-4, atol=1e-6)


def test_labeled_arrays_keep_pictures_and_texts(recording: rltools.Recording) -> None:
    rltools.explain(recording, make_policy(), method="gradient")
    data = recording.to_xarray()
    assert data["observation_camera"].dims == ("step", "camera_y", "camera_x", "camera_channel")
    assert data["attribution_gradient_camera"].shape == (18, 2, 4, 5, 3)
    assert data["observation_note"].shape == (18,)
    assert data["observation_note"].attrs == {"leaf": "note"}
    assert data["observation"].shape == (18, 12), "the picture is not there once more"
    assert data["attribution_gradient"].shape == (18, 2, 12)
    full, (camera, *_) = recording.attribution().values, recording.features.parts
    apart = data["attribution_gradient_camera"].values
    assert (apart.reshape(18, 2, 60) == full[..., camera.start : camera.stop]).all()
    assert data["feature"].values.tolist() == [
        name for name in recording.features.names if not name.startswith("camera/")
    ]
    assert data["attribution_gradient"].sel(feature="cell=2", target="centered:chosen[1]").shape == (18,)
    table = recording.to_pandas()
    assert len(table) == 18
    assert sum(column.startswith("observation.") for column in table.columns) == recording.features.size == 72


def test_labeled_arrays_of_pictures_alone(tmp_path: Any) -> None:
    eyes = spaces.Dict(left=spaces.Box(0, 255, (2, 3, 1), np.uint8), right=spaces.Box(0, 255, (2, 2, 1), np.uint8))

    class Eyes(nn.Module):
        def forward(self, x: Any) -> Tensor:
            return torch.stack([x["left"].flatten(1).sum(1), x["right"].flatten(1).sum(1)], 1)

    class Looking(gymnasium.Env[Any, Any]):
        observation_space, action_space = eyes, spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
            super().reset(seed=seed)
            return {"left": np.ones((2, 3, 1), np.uint8), "right": np.zeros((2, 2, 1), np.uint8)}, {}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            return *self.reset()[:1], 0.0, True, False, {}

    policy = rltools.TorchPolicy(Eyes(), eyes, spaces.Discrete(2))
    recording = rltools.record(policy, Looking, episodes=2, directory=tmp_path)
    data = rltools.explain(recording, policy, method="gradient").to_xarray()
    assert "observation" not in data
    assert "feature" not in data.sizes
    assert data["observation_left"].values.shape == (2, 2, 3, 1)
    assert (data["attribution_gradient_left"] == 0.5).all()
    assert (data["attribution_gradient_right"] == -0.5).all()


def test_an_observation_outside_its_space_is_a_fault(tmp_path: Any) -> None:
    with pytest.raises(FaultError, match="cell is 9, which is not in its space"):
        rltools.record(make_policy(), lambda: Room(cell=9), episodes=1, directory=tmp_path)


def test_masks_are_asked_for(tmp_path: Any) -> None:
    with pytest.raises(FaultError, match=r"add a method action_masks\(\), or info\['action_mask'\]"):
        rltools.record(make_policy(), lambda: Room(masks=False), episodes=1, directory=tmp_path / "none")
    recording = rltools.record(
        make_policy(masked=False), lambda: Room(masks=False), episodes=1, directory=tmp_path / "x"
    )
    assert recording.episode(0).masks is None
    with pytest.raises(MismatchError, match="needs mask of each step"):
        rltools.explain(recording, make_policy(), method="gradient")


def test_resuming_and_frames_of_another_run(recording: rltools.Recording) -> None:
    more = rltools.record(make_policy(), Room, episodes=5, directory=recording.directory)
    assert len(more) == 5


def test_wrappers_take_the_same_observations() -> None:
    policy = make_policy()
    env = rltools.AttributionWrapper(Room(), policy)
    env.reset(seed=3)
    info = env.step_policy()[4]
    assert info["attribution"].shape == (2, 72)
    expected = rltools.record(policy, Room, episodes=1, seed=3)
    values = rltools.explain(expected, policy, method="gradient").attribution().values
    np.testing.assert_allclose(info["attribution"], values[0], rtol=1e-4, atol=1e-6)
    envs = rltools.VectorAttributionWrapper(gymnasium.vector.SyncVectorEnv([Room, Room]), policy)
    envs.reset(seed=3)
    vector = envs.step_policy()[4]["attribution"]
    np.testing.assert_allclose(vector[0], values[0], rtol=1e-4, atol=1e-6)


class Wander(gymnasium.Env[Any, Any]):
    """150 draws, in the spaces of CartPole."""

    observation_space, action_space = gymnasium.make("CartPole-v1").observation_space, spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self.np_random.uniform(-0.4, 0.4, 4).astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return self.np_random.uniform(-0.4, 0.4, 4).astype(np.float32), 1.0, self.t >= 150, False, {}


class TestMemory:
    """A recurrent network around a GRU cell."""

    @pytest.fixture
    def policy(self) -> rltools.TorchPolicy:
        torch.manual_seed(0)
        cell, out = nn.GRUCell(4, 5).double(), nn.Linear(5, 2).double()
        env = gymnasium.make("CartPole-v1")
        return rltools.TorchPolicy(
            nn.ModuleList([cell, out]),
            env.observation_space,
            env.action_space,
            heads={"logit": out},
            memory=RecurrentState(5, lambda _, x, state: cell(x, state), lambda x, state: (cell(x, state),) * 2),
            dtype=torch.float64,
        )

    def unrolled(self, policy: rltools.TorchPolicy, window: np.ndarray, state: np.ndarray, action: int) -> float:
        cell, out = policy._modules[1], policy._modules[2]
        remembered = torch.tensor(state)[None]
        for observation in window:
            remembered = cell(torch.tensor(observation)[None], remembered)
        scores = out(remembered)[0]
        return float((scores[action] - scores.mean()).detach())

    def test_both_kinds_of_attribution_are_the_finite_differences(
        self, policy: rltools.TorchPolicy, tmp_path: Any
    ) -> None:
        recording = rltools.record(policy, "CartPole-v1", episodes=4, directory=tmp_path, max_steps=12)
        rltools.explain(recording, policy, method="gradient")
        rltools.explain(recording, policy, method="gradient", window=4)
        moment, windows = recording.attribution(), recording.attribution(window=4)
        assert windows.values.shape == (*moment.values.shape[:2], 4, 4)
        assert windows.features.names[0].endswith(", 3 steps ago")
        np.testing.assert_allclose(windows.values[:, :, -1], moment.values, atol=1e-12)
        episode = recording.episode(0)
        assert not episode.recurrent_states[0].any()
        for t in (0, 2, 6):
            first = max(0, t - 3)
            window, state = (
                episode.observations[first : t + 1].astype(np.float64),
                episode.recurrent_states[first],
            )
            gradients = np.zeros((4, 4))
            for lag, entry in np.ndindex(len(window), 4):
                step = np.zeros_like(window)
                step[lag, entry] = 1e-6
                up, down = (
                    self.unrolled(policy, window + sign * step, state, int(episode.actions[t])) for sign in (1, -1)
                )
                gradients[4 - len(window) + lag, entry] = (up - down) / 2e-6
            np.testing.assert_allclose(windows.values[t, 0], gradients, atol=1e-8)

    def test_blocks_and_every_change_nothing(
        self, policy: rltools.TorchPolicy, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from rltools.explanation import _explainer

        recording = rltools.record(policy, Wander, episodes=2, directory=tmp_path)
        full = rltools.explain(recording, policy, method="gradient", window=3).attribution(window=3).values
        monkeypatch.setattr(_explainer, "BLOCK_BYTES", 1)  # at most 64 rows at once
        some = rltools.explain(recording, policy, method="gradient", window=3, every=2)
        key = next(key for key, candidate in some.specs.items() if candidate.every == 2)
        values = some.attribution_of(key).values
        explained = np.isfinite(values).all((1, 2, 3))
        assert explained.sum() == len(values) // 2 == 150
        np.testing.assert_allclose(values[explained], full[explained], atol=1e-12)

    def test_everything_after_it_takes_windows(self, policy: rltools.TorchPolicy, tmp_path: Any) -> None:
        recording = rltools.record(policy, "CartPole-v1", episodes=3, directory=tmp_path, max_steps=8)
        rltools.explain(recording, policy, method="integrated_gradients", references=8, window=2)
        summary = rltools.summarize(recording, window=2, detail="elements")
        assert len(summary.features) == 8
        assert recording.to_xarray()["attribution_integrated_gradients_window_2"].dims[2] == "lag_of_2"
        with pytest.raises(RecordingError, match="over 2 observations"):
            recording.attribution()

    def test_a_window_needs_a_memory(self, tmp_path: Any) -> None:
        policy = rltools.load_policy("cartpole-ppo")
        recording = rltools.record(policy, episodes=1, directory=tmp_path, max_steps=3)
        with pytest.raises(ArgumentError, match="is not recurrent; leave it out"):
            rltools.explain(recording, policy, method="gradient", window=2)

    def test_the_wrapper_remembers(self, policy: rltools.TorchPolicy) -> None:
        recording = rltools.record(policy, "CartPole-v1", episodes=1)
        values = rltools.explain(recording, policy, method="gradient").attribution().values[:, 0]
        env = rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), policy)
        for _ in range(2):  # the second episode remembers nothing of the first
            env.reset(seed=0)
            live = [env.step_policy()[4]["attribution"] for _ in range(5)]
            np.testing.assert_allclose(np.array(live), values[:5], atol=1e-12)


def test_a_choice_is_one_feature_unless_its_values_are_asked_for(recording: rltools.Recording) -> None:
    rltools.explain(recording, make_policy(), method="integrated_gradients", references=8)
    apart, together = (rltools.summarize(recording, detail=detail) for detail in ("elements", "variables"))
    assert {"cell=2", "arms/1/0=1"} <= set(apart.features)
    assert {"cell", "arms/1/0", "arms/1/1"} <= set(together.features)
    assert "cell=2" not in together.features
    places = [apart.position(f"cell={value}") for value in range(1, 5)]
    np.testing.assert_allclose(
        together.overall.mean.value[:, together.position("cell")],
        apart.overall.mean.value[:, places].sum(1),
        atol=1e-12,
    )


def test_steps_with_one_allowed_action_are_no_dead_units(tmp_path: Any) -> None:
    policy = rltools.load_policy("taxi-masked-ppo")
    recording = rltools.record(policy, episodes=4, directory=tmp_path)
    rltools.explain(recording, policy, method="gradient")
    forced = sum(int((episode.masks.sum(1) == 1).sum()) for episode in recording)
    summary = rltools.summarize(recording)
    assert summary.all_zero == 0
    assert any(f"at {forced} of" in note for note in summary.notes) == bool(forced)


def test_a_stack_keeps_its_names_in_labeled_arrays() -> None:
    env = gymnasium.wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 3)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    policy = rltools.TorchPolicy(net, env.observation_space, env.action_space, environment=env.spec)
    assert policy.features.names[2] == "pole angle, 2 steps ago"
    assert policy.action_names == ("push left", "push right")
    recording = rltools.record(policy, episodes=1, max_steps=4)
    data = rltools.explain(recording, policy, method="gradient").to_xarray()
    weights = net[1].weight.detach().numpy()
    now = data["attribution_gradient"].sel(feature="pole angle", lag=0, target="centered:chosen").values
    chosen = recording.episode(0).actions
    np.testing.assert_allclose(now, weights[chosen, 10] - weights[:, 10].mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("acted", "scores", "labels"),
    [
        (spaces.MultiDiscrete([3]), 3, ("centered:chosen",)),
        (spaces.MultiBinary(1), 2, ("centered:chosen",)),
        (spaces.MultiDiscrete([[2, 3]]), 5, ("centered:chosen[0]", "centered:chosen[1]")),
    ],
)
def test_choices_in_arrays_of_any_shape(
    acted: spaces.Space[Any], scores: int, labels: tuple[str, ...], tmp_path: Any
) -> None:
    class Chosen(Wander):
        action_space = acted

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            assert acted.contains(action)
            return super().step(action)

    torch.manual_seed(0)
    net = nn.Linear(4, scores)
    policy = rltools.TorchPolicy(net, Chosen.observation_space, acted)
    recording = rltools.record(policy, Chosen, episodes=1, max_steps=6, directory=tmp_path)
    result = rltools.explain(recording, policy, method="gradient").attribution()
    assert result.labels == labels
    first = recording.episode(0).actions.reshape(6, -1)[:, 0]
    size = 3 if scores == 3 else 2
    weights = net.weight.detach().numpy()
    np.testing.assert_allclose(result.values[:, 0], weights[first] - weights[:size].mean(0), rtol=1e-4, atol=1e-6)
    env = rltools.AttributionWrapper(Chosen(), policy)
    env.reset(seed=0)
    by_hand = env.step(recording.episode(0).actions[0])[4]["attribution"]
    np.testing.assert_allclose(by_hand.reshape(-1, 4)[0], result.values[0, 0], rtol=1e-4, atol=1e-6)
