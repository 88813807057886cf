"""A data set as a recording: what is said of its actions, and that a folder keeps to one data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

import rltools
from rltools.errors import ArgumentError, ConflictError, DataError, RecordingError
from rltools.recording import Recording
from rltools.summary import run_caveats


def test_where_the_policy_would_choose_otherwise(recording: Recording, make_policy: Any, stores: Path) -> None:
    other = make_policy("CartPole-v1", seed=3, scale=3.0)
    rltools.export(recording, "lerobot", "out")
    read = rltools.explain(rltools.import_data("lerobot:out", other, directory="read"), other, method="gradient")
    steps = [episode for episode in read]  # noqa: C416
    differing = sum(int((episode.choices != episode.actions).sum()) for episode in steps)
    total = sum(map(len, steps))
    assert 0 < differing < total
    summary = rltools.summarize(read)
    (caveat,) = (each for each in summary.caveats if each.kind == "data")
    assert (caveat.n, caveat.total, caveat.text, caveat.names) == (differing, total, "lerobot:out", ("tiny",))
    sentence = f"at {differing} of {total} steps ({round(100 * differing / total)} %) tiny would choose another"
    assert sentence in str(caveat)
    assert any(sentence in str(finding) for finding in summary.findings)
    assert caveat in run_caveats(read, [("gradient", summary)])
    chosen = rltools.explain(read, other, method="gradient", target="logit:chosen").attribution(target="logit:chosen")
    every = rltools.explain(read, other, method="gradient", target="logit:all").attribution(target="logit:all")
    actions = np.concatenate([episode.actions for episode in steps])
    np.testing.assert_array_equal(chosen.values[:, 0], every.values[np.arange(total), actions])
    assert not [each for each in rltools.summarize(recording, method="gradient").caveats if each.kind == "data"]


def test_two_policies_on_one_data_set_side_by_side(
    recording: Recording, cartpole: Any, make_policy: Any, stores: Path
) -> None:
    rltools.export(recording, "lerobot", "out")
    policies = {"mine": cartpole, "other": make_policy("CartPole-v1", seed=3)}
    both = [
        rltools.explain(rltools.import_data("lerobot:out", policy, directory=name), policy, method="gradient")
        for name, policy in policies.items()
    ]
    assert rltools.replay(both[0], 1, "page.html", beside=both[1]).is_file()
    with pytest.raises(RecordingError, match="only episodes of one data set can stand side by side"):
        rltools.replay(both[0], 1, "page.html", beside=recording)


def test_how_far_continuous_actions_are(make_env: Any, stores: Path) -> None:
    space = Box(-1, 1, (2,), np.float32)
    env = make_env(observation_space=Box(-9, 9, (3,), np.float32), action_space=space)

    def policy_of(shift: float) -> Any:
        net = torch.nn.Linear(3, 2)
        with torch.no_grad():
            net.weight.fill_(0.01)
            net.bias.fill_(shift)
        return rltools.TorchPolicy(net, Box(-9, 9, (3,), np.float32), space, name="mover")

    recorded = rltools.record(policy_of(0.0), env, episodes=2)
    rltools.export(recorded, "lerobot", "out")
    read = rltools.explain(rltools.import_data("lerobot:out", policy_of(0.25)), policy_of(0.25), method="gradient")
    (caveat,) = (each for each in rltools.summarize(read).caveats if each.kind == "data_continuous")
    std = np.concatenate([episode.actions for episode in recorded]).std(axis=0)
    assert caveat.share == pytest.approx((0.25 / std).mean(), rel=1e-4)
    assert "standard deviations of recorded actions away, on average" in str(caveat)


def test_a_folder_keeps_to_one_data_set(recording: Recording, cartpole: Any, stores: Path) -> None:
    for name in ("first", "second"):
        rltools.export(recording, "lerobot", name)
    read = rltools.import_data("lerobot:first", cartpole, episodes=1, directory="read")
    assert read.numbers == (0,)
    before = read.episode_path(0).stat().st_mtime_ns
    more = rltools.import_data("lerobot:first", cartpole, directory="read")
    assert more.numbers == (0, 1)
    assert more.episode_path(0).stat().st_mtime_ns == before
    with pytest.raises(ConflictError, match="those of lerobot:first there and those of lerobot:second now"):
        rltools.import_data("lerobot:second", cartpole, directory="read")
    with pytest.raises(ConflictError):
        rltools.record(cartpole, episodes=1, directory="read")
    again = rltools.import_data("lerobot:second", cartpole, directory="read", overwrite=True, episodes=1)
    assert again.header.data == "lerobot:second"
    assert "lerobot:second, as tiny sees them" in repr(again)
    assert again.header.environment_text == "none: the episodes are those of lerobot:second"
    with pytest.raises(ArgumentError, match="holds episodes of the data set lerobot:second, in which nothing can be"):
        rltools.ablate(cartpole, again)


def test_an_interrupted_import_goes_on(
    recording: Recording, cartpole: Any, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rltools.export(recording, "lerobot", "out")
    act, calls = type(cartpole).act, []

    def interrupt(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return act(self, *arguments, **options)

    monkeypatch.setattr(type(cartpole), "act", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rltools.import_data("lerobot:out", cartpole, directory="read")
    assert rltools.open_recording("read").numbers == (0,)
    assert rltools.import_data("lerobot:out", cartpole, directory="read").numbers == (0, 1)


def test_a_policy_with_a_memory(stores: Path) -> None:
    policy = rltools.load_policy("cartpole-recurrent-ppo")
    recorded = rltools.record(policy, episodes=1, max_steps=5)
    rltools.export(recorded, "lerobot", "out")
    read = rltools.import_data("lerobot:out", policy)
    np.testing.assert_array_equal(read.episode(0).recurrent_states, recorded.episode(0).recurrent_states)
    np.testing.assert_array_equal(read.episode(0).scores, recorded.episode(0).scores)


def test_a_policy_whose_scores_are_not_finite(recording: Recording, make_policy: Any, stores: Path) -> None:
    rltools.export(recording, "lerobot", "out")
    broken = make_policy("CartPole-v1", scale=float("nan"))
    with pytest.raises(DataError, match=r"score 'logit:push left' is nan at step 0"):
        rltools.import_data("lerobot:out", broken)
