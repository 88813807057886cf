import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex

from rltools._util.palette import palette
from rltools.plots import dependence, importance, timeline
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.colors import color_limit
from rltools.plots.drawing.style import dark, printed, within_page
from rltools.testing import example_recording


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(index).normal(size=(9, 1, 7)) for index in range(2)]
    return example_recording(tmp_path / "recording", values)


def test_a_printed_figure_is_smaller_in_all(recording):
    screen = importance(recording).figure.get_size_inches()
    with printed():
        axes = importance(recording)
        axes.figure.draw_without_rendering()
    assert axes.figure.get_size_inches() == pytest.approx(0.8 * screen)
    assert axes.xaxis.label.get_size() == 8
    assert {label.get_size() for label in axes.get_xticklabels()} == {8}


def test_printing_leaves_nothing_behind(recording):
    before = dict(mpl.rcParams)
    with printed(6):
        assert mpl.rcParams["font.size"] == 6
    assert dict(mpl.rcParams) == before
    assert importance(recording).xaxis.label.get_size() == 10


def test_a_printed_pdf_holds_truetype(recording, tmp_path):
    with printed():
        importance(recording).figure.savefig(tmp_path / "plot.pdf")
    content = (tmp_path / "plot.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/CIDFontType2" in content


def test_alt_text_is_sentences_of_what_is_written(recording):
    text = alt_text(importance(recording))
    assert text.startswith("What the agent looks at. ")
    assert " %, obs[" in text
    assert ". example, n = 18 steps of 2 episodes, " in text
    assert "Horizontally: share of mean |gradient × std| (%)." in text
    assert "Vertically: obs[" in text
    assert text.endswith("and 2 more.")


def test_alt_text_names_the_panels(recording):
    assert "Vertically: the score of the action taken (centered), action, obs[" in alt_text(timeline(recording))


def test_alt_text_leaves_numbers_out(recording):
    axes = importance(recording)
    axes.set_yticks([0, 1], labels=["−3", "2.5"])
    assert "Vertically" not in alt_text(axes)


def test_pictures_of_a_page_have_one_width_and_axes_one_below_the_other(recording):
    alone = importance(recording).figure
    with within_page():
        drawn = [plot(recording) for plot in (importance, timeline, dependence)]
    for axes in drawn:
        axes.figure.draw_without_rendering()
    assert len({axes.figure.get_figwidth() for axes in drawn}) == 1
    assert alone.get_figwidth() < drawn[0].figure.get_figwidth()
    left = [axes.get_window_extent().x0 for axes in drawn]
    assert max(left) - min(left) < 2


def test_a_dark_figure_stays_dark_and_a_light_one_light(recording):
    with dark():
        night = importance(recording)
    day = importance(recording)
    for axes, colors in ((night, palette(dark=True)), (day, palette())):
        image = io.BytesIO()
        axes.figure.savefig(image, format="svg")
        assert to_hex(axes.figure.get_facecolor()) == colors["paper"]
        assert {to_hex(label.get_color()) for label in axes.get_xticklabels()} == {colors["ink"]}


def test_plots_have_our_font_unless_the_caller_has_one(recording):
    assert importance(recording).xaxis.label.get_fontfamily()[0] == "rltools"
    with mpl.rc_context({"font.family": ["DejaVu Serif"]}):
        assert importance(recording).xaxis.label.get_fontfamily() == ["DejaVu Serif"]
    assert mpl.rcParams["font.family"] == mpl.rcParamsDefault["font.family"]


def test_one_spike_does_not_fade_the_rest():
    values = np.append(np.linspace(-1, 1, 999), [100, np.nan])
    assert 0.9 < color_limit(values) < 1.1
    assert color_limit(np.zeros(3)) == 1
    assert color_limit(np.full(3, np.nan)) == 1
