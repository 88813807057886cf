"""A summary names what a method tells apart, and nothing finer."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.attributions import find_method, method_names
from rltools.recording import AttributionSpec
from rltools.spaces import Features

SHAPE, DIMS = (2, 8, 8, 3), ("lag", "y", "x", "channel")
PLACES = [f"y{row} x{column}" for row in ("0-1", "2-3", "4-5", "6-7") for column in ("0-1", "2-3", "4-5", "6-7")]


class Frames(gymnasium.Env):
    observation_space, action_space = Box(0, 255, SHAPE, np.uint8), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._observed(), {}

    def step(self, action):
        self.t += 1
        return self._observed(), 1.0, self.t == 3, False, {}

    def _observed(self):
        return self.np_random.integers(0, 256, SHAPE, np.uint8)


class Convolved(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.out = nn.Conv2d(6, 3, 3), nn.Linear(3 * 36, 2)

    def forward(self, x):
        channels = x.permute(0, 1, 4, 2, 3).flatten(1, 2) / 255
        return self.out(torch.tanh(self.conv(channels)).flatten(1))


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    space, channels = Frames.observation_space, (("red", "green", "blue"),)
    policy = rltools.TorchPolicy(Convolved(), space, Discrete(2), features=Features(SHAPE, DIMS, channels=channels))
    recording = rltools.record(policy, Frames, episodes=2, directory=tmp_path_factory.mktemp("run") / "r")
    few = {"sarfa": {"references": 2}, "rise": {"masks": 8}, "gradient": {}, "blur_saliency": {}, "grad_cam": {}}
    for name, chosen in few.items():
        rltools.explain(recording, policy, method=name, target="centered:chosen", **chosen)
    return policy, recording


@pytest.mark.parametrize("name", ["blur_saliency", "grad_cam", "sarfa", "rise"])
def test_places_without_channels_and_moments(explained, name):
    _, recording = explained
    result = rltools.summarize(recording, method=name)
    assert list(result.features) == PLACES
    words = {word.strip(",.") for sentence in map(str, result.findings) for word in sentence.split()}
    assert not words & {"red", "green", "blue", "ago", "now"}
    assert recording.attribution(name).spec.separated == ("y", "x")
    assert sum(ranked.share for ranked in result.top()) == pytest.approx(1)


def test_each_entry_where_the_method_tells_them_apart(explained):
    _, recording = explained
    result = rltools.summarize(recording, method="gradient", detail="elements")
    assert len(result.features) == 16 * 6
    assert "y0-1 x0-1 red, 1 step ago" in result.features
    assert recording.attribution("gradient").spec.separated == ()


def test_a_summary_of_places_is_the_sum_of_their_entries(explained):
    _, recording = explained
    result, values = rltools.summarize(recording, method="blur_saliency"), recording.attribution("blur_saliency").values
    first = values[:, 0, :, :2, :2].sum(axis=(1, 2, 3, 4), dtype=np.float64)
    assert result.overall.mean.value[0, 0] == pytest.approx(first.mean())


def test_methods_are_compared_by_what_both_tell_apart(explained):
    _, recording = explained
    result = rltools.summary.agreement({"": recording}, ["gradient", "rise"], None)
    assert [each.features for each in result.rankings] == [tuple(PLACES)] * 2
    assert np.isfinite(result.correlation.value[0, 1])


def test_plots_name_places_alone(explained):
    _, recording = explained
    for name in ("importance", "beeswarm", "timeline", "phases", "dependence", "images", "decision", "lags"):
        axes = getattr(rltools.plots, name)(recording, method="rise")
        figure = axes.get_figure(root=True)
        texts = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert not [text for text in texts if "red" in text.split() or "1 step ago" in text], name


def test_labeled_arrays_say_what_is_told_apart(explained):
    _, recording = explained
    assert recording.to_xarray(method="rise")["attribution_rise"].attrs["separates"] == "y, x"
    assert "separates" not in recording.to_xarray(method="gradient")["attribution_gradient"].attrs


def test_the_name_of_the_folder_is_that_of_the_question(explained):
    _, recording = explained
    for spec in recording.specs.values():
        assert AttributionSpec.from_json(spec.to_json()) == spec
        assert ("separated" in spec.to_json()) == (spec.method != "gradient")


def test_groups_are_rows(tmp_path):
    torch.manual_seed(0)
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=2, max_steps=10, directory=tmp_path / "r")
    names = policy.features.names
    rltools.explain(recording, policy, method="occlusion", groups={"cart": list(names[:2])}, references=2)
    result = rltools.summarize(recording, method="occlusion")
    assert result.features == ("cart", *names[2:])
    values = recording.attribution("occlusion").values[:, 0].astype(np.float64)
    assert result.overall.mean.value[0, 0] == pytest.approx(values[:, :2].sum(axis=1).mean())
    assert result.overall.mean.value[0, 1] == pytest.approx(values[:, 2].mean())
    rltools.plots.importance(recording, method="occlusion")


@pytest.mark.parametrize("name", [name for name in method_names() if name != "random"])
def test_what_a_method_declares_is_what_its_values_do(name):
    """Along axes that it does not separate the values of a place are all the same."""
    method = find_method(name)
    separated = method.separates(DIMS, method.defaults)
    assert set(separated) <= set(DIMS)
    assert method.separates(("feature",), method.defaults) == ("feature",)
    if separated == DIMS or "network" in method.needs:
        return
    from rltools.testing import PlainFunction

    torch.manual_seed(0)
    score = PlainFunction(nn.Sequential(nn.Flatten(), nn.Linear(384, 2)).double(), 2, dims=DIMS)
    x, references = torch.randn(2, *SHAPE).double(), torch.randn(3, *SHAPE).double()
    values = method(score, x, **({"references": references} if "references" in method.needs else {})).values
    torch.testing.assert_close(values, values[:, :, :1, :, :, :1].expand_as(values))
