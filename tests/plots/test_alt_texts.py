"""The alternative text of every plot says its finding with numbers, not only what its axes are."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rltools
from rltools import plots
from rltools._util.text import share_interval
from rltools.plots.drawing.alt import alt_text
from rltools.spaces import Features
from rltools.testing import example_ablation, example_recording

NAMES = ("cart position", "cart velocity", "pole angle", "pole angular velocity")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    """Six episodes in which the third feature moves the score most, by two methods; an ablation beside them."""
    rng, scale = np.random.default_rng(0), np.array([1.0, 2.0, 8.0, 4.0])
    values = [scale * rng.normal(size=(length, 1, 4)) for length in (40, 25, 30, 21, 33, 27)]
    features = Features((4,), ("feature",), NAMES, ("m", "m/s", "rad", "rad/s"))
    result = example_recording(tmp_path_factory.mktemp("told") / "run", values, features=features)
    example_ablation(result, seeds=6, measure_coalitions=True)
    return result


@pytest.fixture(scope="module")
def texts(recording: rltools.Recording) -> dict[str, str]:
    return {name: alt_text(plots.find_plot(name)(recording)) for name in plots.plot_names()}


NOTHING_TO_TELL = {"agreement": "a single method agrees with nothing", "images": "there are no images"}


@pytest.mark.parametrize("name", plots.plot_names())
def test_a_number_of_the_finding_stands_in_the_text(texts: dict[str, str], name: str) -> None:
    if name in NOTHING_TO_TELL:
        assert "n = 176" in texts[name] or "frame" in texts[name]
        return
    finding = re.split(r"(?<=[.?]) ", texts[name])[1]
    assert re.search(r"\d", finding), texts[name]
    assert not re.search(r"n = \d", finding), texts[name]


def test_the_leading_share_is_that_of_the_summary(recording: rltools.Recording, texts: dict[str, str]) -> None:
    first = rltools.summarize(recording).top(1)[0]
    share = "".join(share_interval(first.share, first.low, first.high))
    assert f"{first.feature} {share}, " in texts["importance"]


def test_the_largest_attribution_is_where_it_is(recording: rltools.Recording, texts: dict[str, str]) -> None:
    match = re.search(r"largest attribution (\S+): (.+?) at step (\d+) of episode (\d+)", texts["episode_grid"])
    assert match
    value, feature, step, episode = match.groups()
    values = recording.attribution(episodes=[int(episode)]).values[int(step), 0]
    std = rltools.summarize(recording).std
    assert std is not None
    scaled = float(values[NAMES.index(feature)] * std[NAMES.index(feature)])
    assert float(value.replace("\u2212", "-")) == pytest.approx(scaled, rel=0.01)


def test_two_methods_are_told_by_their_correlation(tmp_path: Any, cartpole: Any) -> None:
    run = rltools.record(cartpole, episodes=3, max_steps=20, directory=tmp_path / "run")
    for method in ("gradient", "integrated_gradients"):
        run = rltools.explain(run, cartpole, method=method)
    assert re.search(r"[Gg]radient.* and .*[Gg]radients \S+\d", alt_text(plots.agreement(run)))
