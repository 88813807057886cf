"""The parts of a run's page: sentences, caveats, episodes, and which plots it shows."""

from __future__ import annotations

import numpy as np
import pytest

from rltools._util.text import number, percent
from rltools.pages.answer import arrange, attribution_name
from rltools.pages.report._episodes import cards, strip
from rltools.pages.report._statement import sentence_html, statement
from rltools.plots import report_plots
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf
from rltools.summary import Ranked, finding, run_caveats, summarize
from rltools.summary import caveats as caveat_words
from rltools.summary.finding import Finding
from rltools.summary.sentence import source, span
from rltools.testing import example_recording


def halves(early, late, steps=30):
    """Attributions of two features, of which one weighs `early` in the first third and `late` from there on."""
    values = np.ones((steps, 1, 2))
    values[:, 0, 0] = late
    values[: steps // 3, 0, 0] = early
    return values


@pytest.fixture
def run(tmp_path):
    def make(*values, **options):
        options = {"unit": "score", "method": "shapley"} | options
        return example_recording(tmp_path / "run", values, **options)

    return make


def test_the_headline_says_how_much_and_the_deck_when(run):
    recording = run(*[halves(9, 1, 30 + 3 * more) for more in range(6)])
    main = summarize(recording)
    top = statement(arrange(recording, [main], None).section("score"))
    assert str(top.headline) == "Of what moves the score of the action taken (centered), obs[0] makes up 79 %."
    assert top.source == "Shapley values"
    assert str(top.deck).startswith("Most of that lies in the first third of an episode: 82")
    assert not any("Mean return" in str(sentence) for sentence in top.findings)


def test_a_summary_of_no_steps_has_only_that_to_say(run):
    recording = run(np.full((3, 1, 2), np.nan))
    main = summarize(recording)
    top = statement(arrange(recording, [main], None).section("score"))
    assert str(top.headline).startswith("There are no explained steps")
    assert (top.deck, top.findings) == (None, ())
    assert report_plots(recording, main, [main]) == ()


def test_of_a_dict_each_array_has_its_share(run):
    numbers = (Leaf(("a",), "number", (2,), "float32"), Leaf(("b",), "number", (1,), "float32"))
    features = Features((3,), ("feature",), leaves=numbers)
    parts = [np.tile(np.array(size, float), (4, 1, 1)) for size in ((1, 1, 2), (1, 1, 6))]
    recording = run(*parts, features=features, observations=[{"a": np.ones((4, 2)), "b": np.ones((4, 1))}] * 2)
    summary = summarize(recording)
    first, second = summary.top()
    assert (first.feature, second.feature) == ("b", "a")
    assert first.share == pytest.approx(8 / 12)
    assert np.isnan(first.low), "two episodes have no interval"
    (within,) = (finding for finding in summary.findings if finding.kind == "inside")
    assert (within.part, [each.share for each in within.subjects]) == ("a", [0.5, 0.5])


def test_percentages_are_set_off_and_names_escaped():
    lead = Finding("lead", (Ranked("<b>", 0, 0.095, 0.08, 0.11),), method="a", target="b")
    assert sentence_html(lead.sentence) == (
        'Of what moves the output b, <b>&lt;b&gt;</b> makes up <span class="share">9.5 %</span>'
        '<span class="ends"> [8.0, 11.0]</span><span class="how"> (a)</span>.'
    )


def test_numbers_are_written_for_people():
    assert (number(-0.5), number(float("nan"))) == ("−0.5", "–")
    assert [percent(value) for value in (0.314, 0.052, 0.0001, 1.0, float("nan"))] == [
        "31 %",
        "5.2 %",
        "0 %",
        "100 %",
        "–",
    ]


def test_the_strip_has_every_episode_and_rows_for_those_that_coincide(run):
    recording = run(*[np.ones((steps, 1, 2)) for steps in (4, 4, 8)])
    result = strip(recording.outcomes(), summarize(recording))
    assert [(dot.x, dot.row) for dot in result.dots] == [(2.0, 0), (2.0, 1), (98.0, 0)]
    assert result.ends == ("4", "8")
    assert result.low is None, "three episodes have no interval"
    assert strip(recording.outcomes()[:1], summarize(recording)) is None


def test_the_best_the_median_and_the_worst_episode_have_cards(run):
    recording = run(*[np.ones((steps, 1, 2)) for steps in (4, 6, 8, 5)])
    main = summarize(recording)
    folder = recording.directory / "replays"
    folder.mkdir()
    for name in ("episode-000003", "mine"):
        (folder / f"{name}.html").write_text("<p>")
    result = cards(recording, main)
    assert [(card.place, card.outcome and card.outcome.number) for card in result] == [
        ("Best", 2),
        ("Median", 1),
        ("Worst", 0),
        ("", 3),
        ("", None),
    ]
    assert [card.file for card in result] == ["", "", "", "replays/episode-000003.html", "replays/mine.html"]
    assert [card.strip is None for card in result] == [False] * 4 + [True]


def test_no_episode_is_the_best_of_equal_returns(run):
    recording = run(*[np.ones((4, 1, 2))] * 3)
    places = [(card.place, card.outcome and card.outcome.number) for card in cards(recording, summarize(recording))]
    assert places == [("", 2), ("", 1), ("", 0)]


def test_a_caveat_says_which_methods_it_is_about(run):
    recording = run(np.ones((4, 1, 2)), np.zeros((4, 1, 2)), unit="score per unit", method="gradient")
    summary = summarize(recording)
    caveats = run_caveats(recording, [(attribution_name(recording, summary), summary)])
    assert [caveat.heading for caveat in caveats] == ["Saturated steps", "Few episodes", "Units"]
    assert str(caveats[0]).startswith("At 50 % of the steps every feature's value is exactly 0")
    assert not any(caveat.about for caveat in caveats)


def test_the_plots_are_those_that_have_something_to_show(run):
    recording = run(*[halves(2, 1)] * 3)
    main = summarize(recording)
    names = [plot.name for plot in report_plots(recording, main, [main])]
    assert names[0] == "importance"
    assert {"beeswarm", "dependence", "phases", "timeline", "action_matrix", "decision"} <= set(names)
    assert not {"images", "lags", "agreement"} & set(names)


def test_a_feature_behind_a_choice_that_counts_as_one_is_no_choice(run):
    leaves = (Leaf(("a",), "choice", (), "int64", (3,), (0,)), Leaf(("b",), "number", (1,), "float32"))
    features = Features((4,), ("feature",), leaves=leaves)
    recording = run(
        *[np.tile([1.0, 1.0, 1.0, 9.0], (4, 1, 1))] * 2,
        features=features,
        observations=[{"a": np.zeros(4, np.int64), "b": np.ones((4, 1), np.float32)}] * 2,
    )
    main = summarize(recording)
    assert main.top(1)[0].position == 1
    assert "dependence" in [plot.name for plot in report_plots(recording, main, [main])]


def test_an_agent_that_sees_pictures_has_them_first(run):
    features = Features((4, 6), ("y", "x"))
    recording = run(np.ones((4, 1, 4, 6)), features=features)
    main = summarize(recording)
    names = [plot.name for plot in report_plots(recording, main, [main])]
    assert names[0] == "images"
    assert not {"beeswarm", "dependence", "timeline", "phases"} & set(names)


def test_other_words_change_no_page_but_for_themselves(run, monkeypatch):
    """Order, headline, source and headings are of the data, so that every sentence can be reworded."""
    recording = run(*[halves(9, 1, 30 + 3 * more) for more in range(4)])
    main = summarize(recording)
    before, caveats = (
        statement(arrange(recording, [main], None).section("score")),
        run_caveats(recording, [("a", main)]),
    )
    for kind in finding._WORDING:
        monkeypatch.setitem(finding._WORDING, kind, lambda each: span(f"{each.kind} 5 %") + source(each.source))
    for kind, (heading, _) in caveat_words._WORDING.items():
        monkeypatch.setitem(caveat_words._WORDING, kind, (heading, lambda each: f"reworded {each.kind}"))
    after, reworded = (
        statement(arrange(recording, [main], None).section("score")),
        run_caveats(recording, [("a", main)]),
    )
    assert str(after.headline) == "lead 5 %"
    assert (after.source, after.deck is None) == (before.source, before.deck is None)
    assert len(after.findings) == len(before.findings)
    assert [caveat.heading for caveat in reworded] == [caveat.heading for caveat in caveats] == ["Few episodes"]
    assert str(reworded[0]) == "Reworded few_episodes."
