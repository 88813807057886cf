"""Plots that take several recordings: as a mapping, as a list, and what is neither."""

import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError
from rltools.testing import example_recording

pytestmark = pytest.mark.filterwarnings("ignore::rltools.recording.SharedEpisodesWarning")
SEVERAL = ["agreement", "importance", "training"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    attributions = [[rng.normal(size=(6, 1, 4)) for _ in range(3)] for _ in range(2)]
    return [
        example_recording(folder / name, values, seed=index)
        for index, (name, values) in enumerate(zip("ab", attributions, strict=True))
    ]


def texts(axes):
    figure = axes.get_figure(root=True)
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("name", SEVERAL)
def test_a_list_is_drawn_like_a_mapping(recordings, name):
    plot = getattr(rltools.plots, name)
    assert texts(plot(recordings)) == texts(plot(dict(zip("ab", recordings, strict=True))))
    assert texts(plot(tuple(recordings[:1])))


@pytest.mark.parametrize("name", SEVERAL)
def test_numbers_are_labels(recordings, name):
    assert texts(getattr(rltools.plots, name)({1000: recordings[0], 2000: recordings[1]}))


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("nothing", [{}, [], ()])
def test_nothing_is_refused_in_one_line(name, nothing):
    with pytest.raises(ArgumentError, match=r"no recordings to draw; give one, a list of them, or \{label") as error:
        getattr(rltools.plots, name)(nothing)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(
    ("other", "message"), [("runs/a", "a str is no"), ([3], "a int at '0' is no"), ({"x": None}, "NoneType at 'x'")]
)
def test_something_else_is_refused_in_one_line(name, other, message):
    with pytest.raises(ArgumentError, match=message):
        getattr(rltools.plots, name)(other)


def test_a_label_that_is_none(recordings):
    with pytest.raises(ArgumentError, match=r"the label \(1, 2\) is a tuple"):
        rltools.plots.agreement({(1, 2): recordings[0]})
