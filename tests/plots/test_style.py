import io
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from rltools import plots
from rltools._util.palette import palette
from rltools.errors import ArgumentError
from rltools.plots import dependence, importance, timeline
from rltools.plots.drawing.alt import alt_text
from rltools.plots.drawing.colors import color_limit
from rltools.plots.drawing.style import dark, within_page
from rltools.testing import example_ablation, example_recording
from rltools.testing._check_plot import _check_apart, _texts


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(index).normal(size=(9, 1, 7)) for index in range(2)]
    return example_recording(tmp_path / "recording", values)


def test_a_figure_of_a_paper_has_its_width_and_font_size_wherever_it_is_drawn(recording):
    with plots.paper(width=3.3):
        axes = importance(recording)
    axes.figure.draw_without_rendering()
    assert axes.figure.get_figwidth() == 3.3
    assert axes.xaxis.label.get_size() == 8.4
    assert {label.get_size() for label in axes.get_xticklabels()} == {8.4}
    assert not axes.get_title(loc="left")
    assert not [text for text in axes.texts if "episodes" in text.get_text()]
    assert "n = 18 steps of 2 episodes" in plots.caption(axes)


def test_a_paper_without_a_width_is_smaller_in_all_and_may_have_a_heading(recording):
    screen = importance(recording).figure.get_size_inches()
    with plots.paper(points=8, caption=True):
        axes = importance(recording)
    assert axes.figure.get_size_inches() == pytest.approx(0.8 * screen)
    assert axes.get_title(loc="left") == "What the agent looks at"


def test_a_heading_in_a_column_makes_the_figure_higher_and_not_the_plot_smaller(recording):
    heights = []
    for caption in (False, True):
        with plots.paper(width=3.3, caption=caption):
            axes = importance(recording)
        axes.figure.draw_without_rendering()
        heights.append(axes.get_window_extent().height / axes.figure.dpi)
    assert heights[0] == pytest.approx(heights[1], abs=0.12)


def test_a_paper_leaves_nothing_behind(recording):
    before = dict(mpl.rcParams)
    with plots.paper(points=6):
        assert mpl.rcParams["font.size"] == 6
    assert dict(mpl.rcParams) == before
    assert importance(recording).xaxis.label.get_size() == 10


def test_sizes_that_no_figure_has_are_refused():
    for choices, words in (
        ({"width": 84}, "inches"),
        ({"width": float("nan")}, "inches"),
        ({"points": 0}, "font size"),
    ):
        with pytest.raises(ArgumentError, match=words), plots.paper(**choices):
            pass


def test_a_pdf_holds_truetype_whatever_it_is_drawn_for(recording, tmp_path):
    with plots.paper():
        figures = [importance(recording).figure]
    for figure in (*figures, importance(recording).figure):
        figure.savefig(tmp_path / "plot.pdf")
        content = (tmp_path / "plot.pdf").read_bytes()
        assert b"/Type3" not in content
        assert b"/CIDFontType2" in content


def test_own_axes_get_a_layout_that_cuts_no_label_off_unless_they_have_one(recording):
    with plots.paper():
        figure = Figure(figsize=(3.4, 2.2))
        importance(recording, axes=figure.subplots())
        figure.draw_without_rendering()
        _check_apart(figure, list(_texts(figure)))
    figure = Figure(layout="tight")
    importance(recording, axes=figure.subplots())
    assert type(figure.get_layout_engine()).__name__ == "TightLayoutEngine"


def test_labels_of_axes_get_as_many_lines_as_a_figure_needs_and_no_more(recording):
    with plots.paper(width=3.3):
        axes = importance(recording)
    texts = "a label that is far too long for a column " * 2, "a label too long for the few rows of a plot " * 2
    axes.set_xlabel(texts[0])
    axes.set_ylabel(texts[1])
    for _ in range(2):
        axes.figure.draw_without_rendering()
        _check_apart(axes.figure, list(_texts(axes.figure)))
    lines = axes.get_xlabel().splitlines(), axes.get_ylabel().splitlines()
    assert [" ".join(each).split() for each in lines] == [text.split() for text in texts]
    assert min(map(len, lines)) > 1
    axes.set_xlabel("short")
    axes.figure.draw_without_rendering()
    assert axes.get_xlabel() == "short"


def test_low_axes_have_no_small_print(recording):
    axes = Figure(figsize=(4, 2)).subplots()
    importance(recording, axes=axes)
    assert axes.get_title(loc="left")
    assert not [text for text in axes.texts if "episodes" in text.get_text()]
    assert "n = 18 steps of 2 episodes" in plots.caption(axes)


def test_the_page_on_figures_for_a_paper_runs(recording, tmp_path, monkeypatch):
    example_ablation(recording, seeds=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rltools.open_recording", lambda path: recording)
    page = Path(__file__).parents[2] / "docs" / "figures.md"
    exec("\n".join(re.findall(r"```python3\n(.*?)```", page.read_text(), re.DOTALL)), {})
    assert {path.name for path in tmp_path.glob("*.pdf")} == {"losses.pdf", "both.pdf"}


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
