"""What is an image, and what is a table of quantities: one answer, wherever it is asked."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from torch import nn

import rltools
from rltools.cards import EnvironmentCard
from rltools.envs.names import observed_features
from rltools.errors import ArgumentError
from rltools.spaces import Features, space_features
from rltools.spaces.axes import element_axes, image_axes, is_image, space_axes

INF, MOST = np.inf, np.finfo(np.float32).max
IMAGES = [
    (Box(0, 255, (84, 84), np.uint8), "y x"),
    (Box(0, 255, (5, 30), np.uint8), "y x"),
    (Box(0, 1, (84, 84), np.float32), "y x"),
    (Box(-1, 12, (40, 60), np.int64), "y x"),
    (Box(0, 255, (84, 84, 1), np.uint8), "y x channel"),
    (Box(0, 255, (1, 84, 84), np.uint8), "channel y x"),
    (Box(0, 255, (4, 84, 84), np.uint8), "channel y x"),
    (Box(0, 255, (210, 160, 3), np.uint8), "y x channel"),
    (Box(0, 255, (3, 210, 160), np.uint8), "channel y x"),
    (Box(0, 255, (7, 7, 3), np.uint8), "y x channel"),
    (Box(0, 255, (4, 3, 3), np.uint8), "y x channel"),
    (Box(0, 1, (10, 10, 4), bool), "y x channel"),
    (Box(0, 1, (10, 10, 4), np.float32), "y x channel"),
    (Box(0, 1, (7, 7, 20), np.int8), "y x channel"),
    (Box(-1, 1, (3, 64, 64), np.float32), "channel y x"),
    (Box(0, 255, (96, 96, 3), np.float32), "y x channel"),
    (MultiBinary((8, 8, 12)), "y x channel"),
    (Box(0, 255, (2, 10, 10, 3), np.uint8), "lag y x channel"),
    (Box(0, 1, (4, 10, 10, 4), bool), "lag y x channel"),
    (Box(0, 255, (4, 210, 160, 3), np.uint8), "lag y x channel"),
    (Box(0, 1, (84, 84, 3, 3), np.float32), "y x channel lag"),
    (Box(0, 255, (200, 100, 3, 5), np.uint8), "y x channel lag"),
    (Box(0, 255, (4, 3, 64, 48), np.uint8), "lag channel y x"),
]
TABLES = [
    Box(-INF, INF, (5, 30)),
    Box(-INF, INF, (84, 84)),
    Box(-MOST, MOST, (5, 7)),
    Box(-INF, INF, (7, 11, 11)),
    Box(-1e30, 1e30, (9, 9, 3)),
    Box(0, INF, (10, 10, 3)),
    Box(0, 1, (5, 5)),
    Box(-1, 1, (5, 7)),
    Box(-1, 1, (4, 5, 7)),
    Box(0, 2, (6, 7), np.int8),
    Box(0, 50_000, (32, 64), np.int64),
    Box(-INF, INF, (2, 5, 6, 3)),
    Box(np.tile(np.float32([0, -1, -5]), (40, 1)), np.tile(np.float32([1, 1, 5]), (40, 1))),
    Box(np.zeros((40, 40, 3), np.float32), np.arange(1, 4801, dtype=np.float32).reshape(40, 40, 3)),
    Box(0, 1, (2, 3, 4)),
    MultiBinary((2, 1, 2)),
    Box(-INF, INF, (2, 2, 2, 2, 2)),
    MultiBinary((4, 5)),
]


def stepping(space, acted=None, steps=4):
    class Steps(gymnasium.Env):
        observation_space, action_space = space, acted or Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.observation_space.seed(seed)
            self.t = 0
            return self.observation_space.sample(), {}

        def step(self, action):
            self.t += 1
            return self.observation_space.sample(), 1.0, self.t == steps, False, {}

    return Steps


@pytest.mark.parametrize(("space", "axes"), IMAGES, ids=str)
def test_images(space, axes):
    assert space_axes(space) == tuple(axes.split())
    features = space_features(space)
    assert features.dims == tuple(axes.split())
    assert features.is_image
    assert features.has_images
    assert all(part.is_image for part in features.parts)
    assert len(features.groups()) < features.size or min(space.shape) < 5


@pytest.mark.parametrize("space", TABLES, ids=str)
def test_tables(space):
    assert space_axes(space) == element_axes(space.shape)
    features = space_features(space)
    assert not features.has_images
    assert [name for name, _ in features.groups()] == list(features.names)
    assert features.names[-1] == f"obs[{', '.join(str(size - 1) for size in space.shape)}]"


def test_inside_a_dict_the_answer_is_the_same():
    features = space_features(Dict(camera=Box(0, 255, (84, 84, 3), np.uint8), cars=Box(-INF, INF, (5, 7))))
    assert [part.dims for part in features.parts] == [("y", "x", "channel"), ("row", "column")]
    assert features.names[-1] == "cars/4/6"
    assert dict(features.groups())["cars/4/6"].tolist() == [features.size - 1]
    assert Features.from_json(features.to_json()) == features


def test_files_that_do_not_say_keep_what_they_had():
    older = space_features(Dict(camera=Box(0, 255, (8, 9, 3), np.uint8), cars=Box(-INF, INF, (5, 7)))).to_json()
    older["leaf_dims"] = []
    assert [part.dims for part in Features.from_json(older).parts] == [("y", "x", "channel"), ("y", "x")]


def test_axes_and_shape_go_together():
    assert Features((5, 30)).dims == ("row", "column")
    with pytest.raises(
        rltools.errors.ArgumentError, match=r"1 names of axes \(lag\) for observations of shape \(5, 30\)"
    ):
        Features((5, 30), ("lag",))


def card_of(layout="", names=()):
    entries = [{"name": name, "meaning": "something"} for name in names]
    image = {"layout": layout, "channels": ["height", "heat", "smell"], "meaning": "a map"}
    return EnvironmentCard.model_validate(
        {
            "environments": [{"id": "Mine-v0"}],
            "description": "a test",
            "source": "https://example.org/",
            **({"image": image} if layout else {"observation": entries}),
            "actions": [{"name": "left", "meaning": "left"}, {"name": "right", "meaning": "right"}],
        }
    )


@pytest.mark.parametrize(
    "space", [Box(-INF, INF, (2, 3)), Box(0, 255, (2, 3), np.uint8), Box(0, 255, (1, 2, 3), np.uint8)]
)
def test_named_elements_win(space):
    names = ["x", "y", "speed", "other x", "other y", "other speed"]
    features = observed_features(stepping(space)(), card_of(names=names))
    assert features.names == tuple(names)
    assert not features.is_image
    assert [name for name, _ in features.groups()] == names
    stacked = observed_features(gymnasium.wrappers.FrameStackObservation(stepping(space)(), 2), card_of(names=names))
    assert [name for name, _ in stacked.groups()][-1] == "other speed, now"


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((9, 9, 3), "y,x,channel"), ((3, 9, 9), "channel,y,x"), ((2, 9, 9, 3), "lag,y,x,channel")],
)
def test_a_card_says_that_it_is_an_image(shape, layout):
    features = observed_features(stepping(Box(-INF, INF, shape))(), card_of(layout))
    assert features.dims == tuple(layout.split(","))
    assert features.is_image
    assert any("heat" in name for name, _ in features.groups())


def test_frames_by_wrapper_and_by_space_are_alike():
    make = stepping(Box(0, 255, (10, 10, 3), np.uint8))
    wrapped = gymnasium.wrappers.FrameStackObservation(make(), 2)
    assert observed_features(wrapped, None).dims == space_features(wrapped.observation_space).dims


class Mixed(nn.Module):
    """A network for any shape, with a convolution where `channels` says how to make them."""

    def __init__(self, shape, channels=None):
        super().__init__()
        torch.manual_seed(0)
        self.channels = channels
        size = int(np.prod(shape))
        if channels is not None:
            size = self.conv_size(shape)
        self.out = nn.Linear(size, 2)

    def conv_size(self, shape):
        self.conv = nn.Conv2d(self.channels(torch.zeros(1, *shape)).shape[1], 3, 3)
        return self.conv(self.channels(torch.zeros(1, *shape))).numel()

    def forward(self, x):
        x = x / 255
        return self.out((x if self.channels is None else torch.tanh(self.conv(self.channels(x)))).flatten(1))


FRAMES = [
    (Box(0, 255, (2, 10, 8, 3), np.uint8), lambda x: x.permute(0, 1, 4, 2, 3).flatten(1, 2)),
    (Box(0, 255, (10, 8, 3, 2), np.uint8), lambda x: x.permute(0, 3, 4, 1, 2).flatten(1, 2)),
    (Box(0, 255, (10, 8), np.uint8), lambda x: x[:, None]),
    (Box(0, 255, (1, 10, 8), np.uint8), lambda x: x),
]
FEW = {"rise": {"masks": 8}, "sarfa": {"references": 2}, "gradient": {}, "blur_saliency": {}, "grad_cam": {}}


@pytest.mark.parametrize(("space", "channels"), FRAMES, ids=["frames first", "frames last", "gray", "one channel"])
def test_methods_and_what_is_drawn_of_them(space, channels, tmp_path):
    policy = rltools.TorchPolicy(Mixed(space.shape, channels), space, Discrete(2))
    assert policy.features.is_image
    recording = rltools.record(policy, stepping(space, steps=3), episodes=2, directory=tmp_path / "r")
    for name, chosen in FEW.items():
        rltools.explain(recording, policy, method=name, target="logit:0", **chosen)
        summary = rltools.summarize(recording, method=name)
        assert summary.top(1)[0].feature.startswith("y"), name
        assert np.isfinite(recording.attribution(name).values).all()
    for name in ("importance", "images", "timeline"):
        getattr(rltools.plots, name)(recording, method="gradient")
    assert rltools.replay(recording, episode=0, path=tmp_path / "e.html").is_file()
    array = recording.to_xarray(method="gradient")
    assert set(policy.features.dims) <= set(array["attribution_gradient"].dims)


def test_one_quantity_of_a_history(tmp_path):
    space = Box(-INF, INF, (5, 6))

    class Net(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 4, 3], -x[:, 4, 3]], 1)

    policy = rltools.TorchPolicy(Net(), space, Discrete(2))
    recording = rltools.record(policy, stepping(space), episodes=3, directory=tmp_path / "r")
    for name in ("gradient", "occlusion", "decision_change", "integrated_gradients", "sarfa"):
        chosen = {} if name == "gradient" else {"references": 3}
        rltools.explain(recording, policy, method=name, **chosen)
        first, second = rltools.summarize(recording, method=name).top(2)
        assert (first.feature, first.share, second.share) == ("obs[4, 3]", pytest.approx(1), 0), name
    rltools.plots.importance(recording, method="gradient")
    assert rltools.replay(recording, episode=0, path=tmp_path / "e.html").is_file()
    array = recording.to_xarray(method="gradient")["attribution_gradient"]
    assert array.dims == ("step", "target", "row", "column")
    with pytest.raises(ArgumentError, match="these observations have row, column"):
        rltools.explain(recording, policy, method="blur_saliency")


def test_the_functions_agree():
    for shape in [(5,), (5, 6), (5, 6, 3), (2, 5, 6, 3), (1, 2, 3, 4, 5)]:
        assert len(element_axes(shape)) == len(shape)
        assert not is_image(element_axes(shape))
        assert is_image(image_axes(shape)) == (1 < len(shape) < 5)
    assert space_axes(spaces.Box(0, 255, (0, 3), np.uint8)) == ("row", "column")
