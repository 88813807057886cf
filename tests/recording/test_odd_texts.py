"""Texts that hold half of a surrogate pair go through everything: keys, actions, policies and observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

import rltools
from rltools.pages.report import export_report, write_report

KEY, NOTE = "place-\ud800", "a\udcff"
SPACE = spaces.Dict({KEY: spaces.Box(-9, 9, (2,), np.float32), "note": spaces.Text(5, charset="ab\udcff")})


class Odd(gymnasium.Env[Any, Any]):
    observation_space, action_space = SPACE, spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t = 0
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        return self.observe(), 1.0, self.t > 4, False, {}

    def observe(self) -> dict[str, Any]:
        return {KEY: np.array([self.t, -self.t], np.float32), "note": NOTE}


def test_half_of_a_surrogate_pair_everywhere(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2)
    policy = rltools.TorchPolicy(
        lambda x: layer(x[KEY]), SPACE, spaces.Discrete(2), name="model-\udcff", action_names=("left-\ud801", "right")
    )
    recording = rltools.record(policy, Odd, episodes=2, directory=tmp_path)
    recording = rltools.explain(recording, policy, method="gradient")
    first, _ = rltools.open_recording(tmp_path)
    assert first.observations["note"].tolist() == [NOTE] * 5
    assert first.final_observation["note"] == NOTE
    assert first.observations[KEY][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert recording.header.action_names == ("left-\ud801", "right")
    labeled = recording.to_xarray()
    assert labeled["feature"].values.tolist() == ["place-\\ud800/0", "place-\\ud800/1"]
    assert labeled["observation_note"].values.tolist() == ["a\\udcff"] * 10
    assert "observation.place-\\ud800/0" in recording.to_pandas()
    assert "place-\\ud800/0" in set(rltools.summarize(recording).table["feature"])
    assert rltools.plots.importance(recording).get_xlabel()
    assert rltools.replay(recording, 0, tmp_path / "page.html").is_file()
    assert write_report(recording).is_file()
    assert export_report(tmp_path).is_file()
    assert recording.damaged() == {}
