"""Which named entry of the outer observation moves when one of the inner observation does."""

import gymnasium.wrappers as w
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict

from rltools.envs.names import observed_features
from rltools.spaces import Features


def put(place, value=3.0):
    """A change of one entry: of an array, or of one part of a nested observation."""

    def change(observed):
        if isinstance(observed, np.ndarray):
            observed[place] = value
            return observed
        if isinstance(observed, dict):
            return observed | {place[0]: part(observed[place[0]], place[1:], value)}
        if isinstance(observed, tuple):
            return tuple(
                part(old, place[1:], value) if index == place[0] else old for index, old in enumerate(observed)
            )
        return value

    return change


def part(old, place, value):
    if not isinstance(old, np.ndarray):
        return value
    new = old.copy()
    new[place] = value
    return new


NAMES = ("height", "lean", "load")
KEEP_NAMES = {
    "delay 0": (lambda env: w.DelayObservation(env, 0), ("m", "rad", "")),
    "dtype": (lambda env: w.DtypeObservation(env, np.int64), ("m", "rad", "")),
    "flatten": (w.FlattenObservation, ("m", "rad", "")),
    "time limit": (lambda env: w.TimeLimit(env, 9), ("m", "rad", "")),
    "clip reward": (lambda env: w.ClipReward(env, -1, 1), ("m", "rad", "")),
    "statistics": (w.RecordEpisodeStatistics, ("m", "rad", "")),
    "max and skip": (w.MaxAndSkipObservation, ("m", "rad", "")),
    "rescale": (lambda env: w.RescaleObservation(env, np.float32(0), np.float32(1)), ()),
    "transform": (lambda env: w.TransformObservation(env, lambda o: 2 * o, None), ()),
}


@pytest.mark.parametrize("name", KEEP_NAMES)
def test_wrappers_that_keep_the_entries(scripted, moved, name):
    wrap, units = KEEP_NAMES[name]
    env, card = scripted("vector")
    env = wrap(env)
    for place, entry in enumerate(NAMES):
        assert moved(env, card, put(place)) == {entry}
    assert observed_features(env, card).units == units


def test_normalized_entries_are_deviations(scripted):
    env, card = scripted("vector")
    features = observed_features(w.NormalizeObservation(env), card)
    assert (features.names, features.label(0)) == (NAMES, "height (deviations)")


@pytest.mark.parametrize("kind", ["vector", "bits", "discrete", "multi", "nested", "pair"])
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_a_stack_names_the_lag(scripted, moved, kind, lag):
    env, card = scripted(kind)
    plain = {name: moved(env, card, change) for name, change in CHANGES[kind].items()}
    stacked = w.FrameStackObservation(env, 3, padding_type="zero")
    when = f", {lag} step{'s' if lag > 1 else ''} ago" if lag else ", now"
    for name, change in CHANGES[kind].items():
        changed = moved(stacked, card, change, steps=lag)
        # A stack of several choices has their numbers: those of the choices and not of their values.
        expected = {entry.partition("=")[0] for entry in plain[name]} if kind == "multi" else plain[name]
        assert changed == {entry + when for entry in expected}


CHANGES = {
    "vector": {"height": put(0), "lean": put(1), "load": put(2)},
    "bits": {"door": put(0, 1), "gate": put(1, 1)},
    "discrete": {"cell": put((), 2)},
    "multi": {"gear": put(0, 1), "lamp": put(1, 2)},
    "nested": {"height": put(("pose", 0)), "lean": put(("pose", 1)), "gear": put(("gear",), 3)},
    "pair": {"lean": put((0, 1)), "gear": put((1,), 2)},
}


def test_a_stack_of_vectors_is_lag_by_feature(scripted):
    env, card = scripted("vector")
    features = observed_features(w.FrameStackObservation(env, 2), card)
    assert (features.shape, features.dims) == ((2, 3), ("lag", "feature"))
    assert features.names[:4] == ("height, 1 step ago", "lean, 1 step ago", "load, 1 step ago", "height, now")
    assert features.units == ("m", "rad", "") * 2


def test_a_stack_of_pictures_has_regions_by_time_and_channel(scripted):
    env, card = scripted("picture")
    features = observed_features(w.FrameStackObservation(env, 2), card)
    assert features.dims == ("lag", "y", "x", "channel")
    assert features.groups()[0][0] == "y0-1 x0-2 red, 1 step ago"


@pytest.mark.parametrize("kind", ["nested", "pair", "multi", "discrete", "bits"])
def test_flattened_entries_keep_their_names(scripted, moved, kind):
    env, card = scripted(kind)
    flat = w.FlattenObservation(env)
    for change in CHANGES[kind].values():
        assert moved(flat, card, change) == moved(env, card, change)
    assert observed_features(flat, card).dims == ("feature",)


def test_a_flattened_picture_says_where_each_pixel_is(scripted, moved):
    env, card = scripted("picture")
    assert moved(w.FlattenObservation(env), card, put((3, 5, 1), 9)) == {"y 3, x 5, green"}
    env, card = scripted("nested")
    assert moved(w.FlattenObservation(env), card, put(("camera", 1, 2, 0), 9)) == {"camera: y 1, x 2, red"}


@pytest.mark.parametrize("keys", [["pose", "gear"], ["gear"], ["camera", "pose"]])
def test_filtered_parts_keep_their_names(scripted, moved, keys):
    env, card = scripted("nested")
    filtered = w.FilterObservation(env, keys)
    for name, change in {"pose": put(("pose", 1)), "gear": put(("gear",), 3)}.items():
        assert moved(filtered, card, change) == (moved(env, card, change) if name in keys else set())


@pytest.mark.parametrize("keys", [[1, 0], [-1], [0]])
def test_filtered_parts_of_a_tuple_move(scripted, moved, keys):
    env, card = scripted("pair")
    filtered = w.FilterObservation(env, keys)
    for place, change in ((0, put((0, 1))), (1, put((1,), 2))):
        is_kept = place in [range(2)[key] for key in keys]
        assert moved(filtered, card, change) == (moved(env, card, change) if is_kept else set())


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("kind", ["vector", "nested", "pair"])
def test_time_is_one_more_entry(scripted, moved, kind, normalize, flatten):
    env, card = scripted(kind)
    timed = w.TimeAwareObservation(w.TimeLimit(env, 8), flatten=flatten, normalize_time=normalize)
    for change in CHANGES[kind].values():
        assert moved(timed, card, change) == moved(env, card, change)
    features = observed_features(timed, card)
    first = features.encode(batch(timed.reset(seed=0)[0])).ravel()
    later = features.encode(batch(timed.step(0)[0])).ravel()
    (place,) = np.flatnonzero(first != later)
    assert features.label(int(place)) == ("time (8 steps)" if normalize else "time (steps)")


def batch(observation):
    if isinstance(observation, dict):
        return {key: batch(value) for key, value in observation.items()}
    if isinstance(observation, tuple):
        return tuple(batch(value) for value in observation)
    return np.asarray(observation)[None]


def test_a_delayed_entry_says_so(scripted, moved):
    env, card = scripted("vector")
    delayed = w.DelayObservation(env, 2)
    assert moved(delayed, card, put(1), steps=2) == {"lean, 2 steps ago"}
    assert moved(delayed, card, put(1), steps=1) == set()


def test_bins_are_named_by_what_was_binned(scripted, moved):
    env, card = scripted("vector")
    assert moved(w.DiscretizeObservation(env, 4, multidiscrete=True), card, put(1, 9.0)) == {"lean=2", "lean=3"}
    assert observed_features(w.DiscretizeObservation(env, 2), card).given_names == ()


def test_a_cast_choice_is_its_number(scripted, moved):
    env, card = scripted("discrete")
    assert moved(w.DtypeObservation(env, np.float32), card, put((), 2)) == {"cell"}


@pytest.mark.parametrize(("shape", "dims"), [((3, 1), ("axis_0", "axis_1")), ((1, 3), ("axis_0", "axis_1"))])
def test_reshaped_entries_keep_their_names(scripted, moved, shape, dims):
    env, card = scripted("vector")
    reshaped = w.ReshapeObservation(env, shape)
    assert moved(reshaped, card, put(2)) == {"load"}
    assert observed_features(reshaped, card).dims == dims


def test_a_reshaped_picture_is_one_only_where_its_axes_stay(scripted):
    env, card = scripted("picture")
    gray = w.GrayscaleObservation(env)
    assert observed_features(w.ReshapeObservation(gray, (8, 10, 1)), card).dims == ("y", "x", "channel")
    assert observed_features(w.ReshapeObservation(gray, (1, 8, 10)), card).dims == ("channel", "y", "x")
    assert not observed_features(w.ReshapeObservation(env, (3, 8, 10)), card).is_image


@pytest.mark.parametrize(
    ("wrap", "dims", "channels"),
    [
        (lambda env: env, ("y", "x", "channel"), (("red", "green", "blue"),)),
        (w.GrayscaleObservation, ("y", "x"), ()),
        (lambda env: w.GrayscaleObservation(env, keep_dim=True), ("y", "x", "channel"), (("gray",),)),
    ],
)
def test_pictures_keep_their_axes_and_channels(scripted, wrap, dims, channels):
    env, card = scripted("picture")
    features = observed_features(wrap(env), card)
    assert (features.dims, features.channels, features.given_names) == (dims, channels, ())


def test_a_resized_picture(scripted):
    pytest.importorskip("cv2")
    env, card = scripted("picture")
    features = observed_features(w.ResizeObservation(env, (3, 2)), card)
    assert (features.shape, features.groups()[2][0]) == ((3, 2, 3), "y0 x0 blue")


@pytest.mark.parametrize("kind", ["vector", "nested"])
def test_the_frame_beside_the_observation(scripted, moved, kind):
    env, card = scripted(kind, render_mode="rgb_array")
    rendered = w.AddRenderObservation(env, render_only=False)
    assert moved(rendered, card, CHANGES[kind]["lean"]) == {"lean"}
    frame = next(part for part in observed_features(rendered, card).parts if part.leaf.name == "pixels")
    assert (frame.dims, frame.channels) == (("y", "x", "channel"), ("red", "green", "blue"))
    assert observed_features(w.AddRenderObservation(env), card).dims == ("y", "x", "channel")


def test_wrappers_on_wrappers(scripted, moved):
    env, card = scripted("nested")
    env = w.FilterObservation(w.TimeAwareObservation(w.TimeLimit(env, 8), flatten=False), ["pose", "time"])
    env = w.FrameStackObservation(w.FlattenObservation(env), 2, padding_type="zero")
    assert moved(env, card, put(("pose", 1)), steps=1) == {"lean, 1 step ago"}


class Doubled(w.TransformObservation):
    """A wrapper of the user's own, derived from one that is known."""

    def __init__(self, env):
        space = Box(-10, 10, (6,), np.float32)
        super().__init__(env, lambda observed: np.concatenate([observed, observed]), space)


class Swapped(w.FlattenObservation):
    def observation(self, observation):
        return observation[::-1]


def test_nothing_is_known_of_a_wrapper_without_a_rule(scripted):
    env, card = scripted("vector")
    assert observed_features(Doubled(env), card).names == tuple(f"obs[{place}]" for place in range(6))
    # As much as its space says: the entries are as many as before, and they may be others.
    assert observed_features(Swapped(env), card).units == ()


def test_numbered_entries_are_numbered_again_where_their_places_change(scripted):
    env, _ = scripted("vector")
    flat = observed_features(w.FlattenObservation(env), None)
    assert (flat.names, flat.given_names) == (("obs[0]", "obs[1]", "obs[2]"), ())


@pytest.mark.parametrize("kind", ["picture", "nested"])
def test_channels_are_kept_in_files_and_name_the_regions(scripted, kind):
    env, card = scripted(kind)
    features = observed_features(env, card)
    assert Features.from_json(features.to_json()) == features
    rows = [name for name, _ in features.groups()]
    assert any(name.endswith("x0-2 blue" if kind == "picture" else "x0 blue") for name in rows)
    assert not any("channel" in name for name in rows)


def test_two_parts_with_the_same_names_are_told_apart(scripted):
    env, card = scripted("nested")
    parts = {"pose": card.parts["pose"], "aim": card.parts["pose"]}
    env.observation_space = Dict(pose=Box(-1, 1, (2,), np.float32), aim=Box(-1, 1, (2,), np.float32))
    names = observed_features(env, card.model_copy(update={"parts": parts})).names
    assert names == ("pose: height", "pose: lean", "aim: height", "aim: lean")


@pytest.mark.parametrize("entries", [2, 4])
def test_a_card_with_another_number_of_entries_names_none(scripted, entries):
    env, card = scripted("vector")
    env.observation_space = Box(-1, 1, (entries,), np.float32)
    assert observed_features(env, card).given_names == ()
