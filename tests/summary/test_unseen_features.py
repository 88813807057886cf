"""A feature that is used, and that no derivative sees, is named; one that is ignored or never varies is not."""

import json

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.pages.report import write_report

NAMES = ("used", "hidden", "ignored", "constant", "also used")
TABLE = torch.randn(10, generator=torch.Generator().manual_seed(0))
HIDDEN = {
    "looked up": lambda h: TABLE[(h + 5).long().clamp(0, 9)],
    "rounded": torch.round,
    "compared": lambda h: (h > 0).float(),
    "sign": torch.sign,
    "largest": lambda h: torch.stack([h, torch.zeros_like(h)], -1).argmax(-1).float(),
    "detached": lambda h: torch.tanh(h).detach(),
}


class Steps(gymnasium.Env):
    observation_space, action_space = Box(-5, 5, (5,)), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._observed(), {}

    def step(self, action):
        self.t += 1
        return self._observed(), 1.0, self.t == 12, False, {}

    def _observed(self):
        drawn = self.np_random.uniform(-4, 4, 5).astype(np.float32)
        drawn[3] = 1
        return drawn


class Net(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = HIDDEN[how] if isinstance(how, str) else how

    def forward(self, x):
        constant = (x[:, 3] > 0).float()
        score = torch.tanh(x[:, 0]) + 2 * self.how(x[:, 1]) + constant + 0.5 * x[:, 4] + 0 * x[:, 2]
        return torch.stack([score, -score], 1)


def explained(tmp_path, how, method="gradient", **chosen):
    features = rltools.spaces.Features((5,), given_names=NAMES)
    policy = rltools.TorchPolicy(Net(how), Steps.observation_space, Discrete(2), features=features)
    recording = rltools.record(policy, Steps, episodes=3, directory=tmp_path / "run")
    return rltools.explain(recording, policy, method=method, **chosen)


@pytest.mark.parametrize("how", sorted(HIDDEN))
def test_it_is_named(tmp_path, how):
    result = rltools.summarize(explained(tmp_path, how))
    assert result.unseen == ("hidden",)
    (note,) = (note for note in result.notes if "derivatives do not see" in note)
    assert note.startswith("derivatives do not see hidden: gradient is exactly 0 there at every step, and yet")
    assert note.endswith("try shapley or decision_change")
    assert any(sentence.startswith("Derivatives do not see hidden") for sentence in map(str, result.findings))


@pytest.mark.parametrize(
    ("method", "chosen"),
    [
        ("input_x_gradient", {}),
        ("integrated_gradients", {"nodes": 2, "references": 2}),
        ("expected_gradients", {"samples": 4, "references": 2}),
        ("smooth_grad", {"samples": 4, "references": 4}),
        ("var_grad", {"samples": 4, "references": 4}),
        ("captum:Saliency", {}),
    ],
)
def test_by_every_method_that_takes_derivatives(tmp_path, method, chosen):
    if method.startswith("captum"):
        pytest.importorskip("captum")
    recording = explained(tmp_path, "rounded", method, **chosen)
    assert rltools.summarize(recording, method=method).unseen == ("hidden",)


@pytest.mark.parametrize("method", ["shapley", "occlusion", "decision_change"])
def test_other_methods_see_it(tmp_path, method):
    recording = explained(tmp_path, "rounded", method, references=2)
    result = rltools.summarize(recording, method=method)
    assert not result.unseen
    assert not [note for note in result.notes if "derivative" in note]
    assert result.top(1)[0].feature == "hidden"
    assert recording.attribution(method).spec.unseen is None


@pytest.mark.parametrize("how", [lambda h: h, lambda h: h.clamp(-1, 1), torch.relu, lambda h: 0 * h])
def test_where_something_is_seen_or_nothing_is_used_nobody_is_named(tmp_path, how):
    recording = explained(tmp_path, how)
    result = rltools.summarize(recording)
    assert result.unseen == ()
    assert not [note for note in result.notes if "derivative" in note]
    assert recording.attribution().spec.unseen == ()


def test_the_file_keeps_what_was_tried(tmp_path):
    recording = explained(tmp_path, "compared")
    (path,) = (recording.directory / "attributions").glob("*/attribution.json")
    assert json.loads(path.read_text())["unseen"] == [1]
    assert rltools.open_recording(recording.directory).attribution().spec.unseen == (1,)


def test_of_a_file_that_does_not_say_both_readings_are_given(tmp_path):
    recording = explained(tmp_path, "compared")
    (path,) = (recording.directory / "attributions").glob("*/attribution.json")
    remaining = json.loads(path.read_text())
    del remaining["unseen"], remaining["seal"], remaining["format"]
    path.write_text(json.dumps(remaining))
    result = rltools.summarize(rltools.open_recording(recording.directory))
    assert result.unseen == ()
    (note,) = (note for note in result.notes if "derivative" in note)
    assert note.startswith("gradient is exactly 0 at every step for hidden and ignored, although the values vary")


def test_where_all_are_unseen_no_unit_is_called_dead(tmp_path):
    class Looked(nn.Module):
        def forward(self, x):
            score = torch.round(x) @ torch.tensor([1.0, 2.0, 0.0, 1.0, 0.5])
            return torch.stack([score, -score], 1)

    policy = rltools.TorchPolicy(Looked(), Steps.observation_space, Discrete(2))
    recording = rltools.record(policy, Steps, episodes=3, directory=tmp_path / "run")
    result = rltools.summarize(rltools.explain(recording, policy, method="gradient"))
    assert result.unseen == ("obs[0]", "obs[1]", "obs[4]")
    assert result.all_zero == 1
    assert not [
        sentence
        for sentence in map(str, result.findings)
        if "dead units" in sentence or "No feature matters" in sentence
    ]


@pytest.mark.parametrize("method", ["gradient", "shapley", "decision_change"])
def test_what_never_changes_is_named_and_no_unit_is_called_dead(tmp_path, method):
    class Same(Steps):
        def _observed(self):
            return np.array([0.1, 0.2, 0.3, 0.7, 1 / 3], np.float32)

    chosen = {} if method == "gradient" else {"references": 2}
    for env, note in ((Steps, "in the recorded steps constant never changes"), (Same, "all recorded observations are")):
        features = rltools.spaces.Features((5,), given_names=NAMES)
        policy = rltools.TorchPolicy(Net(torch.tanh), Steps.observation_space, Discrete(2), features=features)
        recording = rltools.record(policy, env, episodes=3, directory=tmp_path / env.__name__)
        result = rltools.summarize(rltools.explain(recording, policy, method=method, **chosen))
        assert [text for text in result.notes if text.startswith(note)]
        assert not [sentence for sentence in map(str, result.findings) if "dead units" in sentence]
    assert np.isnan(result.overall.importance.value).all(), "no share of rounding errors"


def test_a_page_says_it(tmp_path, without_plots):
    recording = explained(tmp_path, "rounded")
    text = write_report(recording).read_text()
    assert "Unseen features" in text
    assert "Derivatives do not see hidden" in text


def test_of_an_image_its_regions_are_named(tmp_path):
    space = Box(0, 255, (4, 8, 1), np.uint8)

    class Pixels(Steps):
        observation_space = space

        def _observed(self):
            return self.np_random.integers(0, 256, space.shape, np.uint8)

    class Half(nn.Module):
        def forward(self, x):
            observed, unseen = x[:, :, 2:].mean((1, 2, 3)), (x[:, :, :2] > 128).float().mean((1, 2, 3))
            return torch.stack([observed / 255 + unseen, -unseen], 1)

    policy = rltools.TorchPolicy(Half(), space, Discrete(2))
    recording = rltools.record(policy, Pixels, episodes=2, directory=tmp_path / "run")
    result = rltools.summarize(rltools.explain(recording, policy, method="gradient"))
    assert result.unseen == ("y0 x0-1", "y1 x0-1", "y2 x0-1", "y3 x0-1")
    assert any("y0 x0-1, y1 x0-1, y2 x0-1 and 1 more" in note for note in result.notes)
