"""A plot declares its caption, its chapter and when a report shows it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from rltools import plots
from rltools._util.discovery import PluginWarning
from rltools.errors import ArgumentError, PluginError
from rltools.plots import Chapter, plot, plot_info, report_plots
from rltools.summary import summarize
from rltools.testing import example_ablation, example_recording


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(index).normal(size=(9, 1, 3)) for index in range(3)]
    return example_recording(tmp_path / "run", values, unit="score", method="shapley")


def figures_of(recording):
    main = summarize(recording)
    return report_plots(recording, main, [main])


def offer(monkeypatch, name, function):
    """Let another package offer a plot; `function` may be an error that loading it raises."""
    point = SimpleNamespace(name=name)

    def load(_):
        if isinstance(function, Exception):
            raise function
        return function

    monkeypatch.setattr(plots, "entry_points_of", lambda group: {name: point})
    monkeypatch.setattr(plots, "load_entry_point", load)


def bars(recording, *, axes=None, method=None, target=None):
    """A plot of another package."""
    return plots.importance(recording, axes=axes, method=method, target=target)


def test_every_plot_of_rltools_declares_itself():
    for name in plots.plot_names():
        info = plot_info(getattr(plots, name))
        assert info is not None
        assert info.chapter in list(Chapter)
        assert info.caption


def test_chapters_are_in_order_and_captions_are_sentences(recording):
    figures = figures_of(recording)
    chapters = list(dict.fromkeys(figure.chapter for figure in figures))
    assert chapters == ["Feature by feature", "In the course of an episode", "Action by action"]
    assert all(figure.caption.endswith(".") for figure in figures)
    assert figures[0].draw().get_xlabel().startswith("share of mean |Shapley values|")


def test_what_was_measured_comes_first(recording):
    assert not {"losses", "coalition_values", "ablation_curves"} & {figure.name for figure in figures_of(recording)}
    example_ablation(recording)
    assert [figure.name for figure in figures_of(recording)][:2] == ["losses", "importance"]
    ablation = example_ablation(recording, measure_coalitions=True)
    figures = figures_of(recording)[:3]
    assert [figure.name for figure in figures] == ["losses", "coalition_values", "ablation_curves"]
    assert all(figure.draw.keywords == {"ablation": ablation.key} for figure in figures)
    assert "drawn orders" not in figures[1].caption


def test_a_plot_of_another_package_takes_part(recording, monkeypatch):
    declared = plot(chapter="Of mine", caption=lambda report: f"{report.main.n} steps.", shown_when=lambda report: True)
    offer(monkeypatch, "bars", declared(bars))
    last = figures_of(recording)[-1]
    assert (last.name, last.chapter, last.caption) == ("bars", "Of mine", "27 steps.")
    assert last.draw().get_xlabel()


def test_a_plot_can_be_first_in_a_chapter(recording, monkeypatch):
    declared = plot(chapter=Chapter.EPISODES, caption="First.", order=0, shown_when=lambda report: True)
    offer(monkeypatch, "bars", declared(bars))
    names = [figure.name for figure in figures_of(recording) if figure.chapter == Chapter.EPISODES]
    assert names[0] == "bars"


@pytest.mark.parametrize("declare", [lambda function: function, plot(chapter="Mine", caption="Never.")])
def test_without_a_declaration_no_report_shows_it(recording, monkeypatch, declare):
    def quiet(recording, *, axes=None):
        """A plot."""

    offer(monkeypatch, "quiet", declare(quiet))
    assert "quiet" not in [figure.name for figure in figures_of(recording)]


def test_a_broken_plot_of_another_package_is_named_and_left_out(recording, monkeypatch):
    offer(monkeypatch, "broken", PluginError("broken, which is tinyrl.plots, cannot be loaded"))
    with pytest.warns(PluginWarning, match="tinyrl"):
        assert "broken" not in [figure.name for figure in figures_of(recording)]


def test_an_empty_caption_is_refused():
    with pytest.raises(ArgumentError, match="a chapter and a caption"):
        plot(chapter=Chapter.FEATURES, caption="")


def test_captions_say_where_there_is_no_interval(tmp_path):
    one_step_each = [np.ones((1, 1, 2))] * 2  # both episodes agree, so that nothing says how far others would be
    recording = example_recording(tmp_path / "run", one_step_each, unit="score", method="shapley")
    assert np.isnan(summarize(recording).overall.importance.low).all()
    assert "too few episodes for intervals" in figures_of(recording)[0].caption
    for name in ("action_matrix", "phases", "dependence", "training"):
        text = " ".join(text.get_text().replace("\n", " ") for text in getattr(plots, name)(recording).texts)
        assert "too few episodes: no interval" in text, name
        assert "95 %" not in text, name
