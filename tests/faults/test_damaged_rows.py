"""Episodes whose steps are damaged, while what stands beside the steps is whole: left out wherever they are counted."""

from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools.experiments.analyze import notable
from rltools.pages.notebook import recording_html
from rltools.pages.report._episodes import cards
from rltools.plots import episode_grid, timeline
from rltools.recording import DamagedFileWarning
from rltools.summary import summarize
from rltools.summary._images import steps_as_images
from rltools.testing import example_recording


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)


@pytest.fixture
def recording(tmp_path: Path) -> rltools.Recording:
    """Returns 4, 6, 8, 10 and 12, of which the last cannot be read."""
    output = example_recording(
        tmp_path / "run", [np.ones((steps, 1, 2)) for steps in (4, 6, 8, 10, 12)], unit="score", method="shapley"
    )
    damage(output.episode_path(4))
    return rltools.open_recording(output.directory)


def test_outcomes_that_can_be_read(recording: rltools.Recording) -> None:
    assert [outcome.total_reward for outcome in recording.outcomes()] == [4, 6, 8, 10, 12]
    with pytest.warns(DamagedFileWarning, match=r"000004\.parquet is damaged") as warned:
        outcomes = recording.readable_outcomes()
    assert [outcome.total_reward for outcome in outcomes] == [4, 6, 8, 10]
    assert warned[0].filename == __file__
    assert [outcome.number for outcome in notable(outcomes)] == [2, 0, 3]


@pytest.mark.filterwarnings("ignore::rltools.recording.DamagedFileWarning")
def test_a_report_chooses_among_those_that_can_be_read(recording: rltools.Recording) -> None:
    main = summarize(recording)
    chosen = [(card.place, card.outcome and card.outcome.number) for card in cards(recording, main)]
    assert chosen == [("Best", 3), ("Median", 2), ("Worst", 0)]


def test_a_notebook_counts_those_that_can_be_read(recording: rltools.Recording) -> None:
    with pytest.warns(DamagedFileWarning, match=r"000004\.parquet"):
        card = recording_html(recording)
    assert "4 episodes" in card
    assert "28 steps" in card
    assert "mean return 7 (4 to 10)" in card


@pytest.mark.filterwarnings("ignore::rltools.recording.DamagedFileWarning")
def test_plots_draw_those_that_can_be_read(recording: rltools.Recording) -> None:
    title = "".join(
        text.get_text() for text in timeline(recording).figure.findobj(match=lambda a: hasattr(a, "get_text"))
    )
    assert "episode 2" in title
    episode_grid(recording)
    assert steps_as_images(recording, recording.find()).number == 2


def test_references_are_drawn_from_those_that_can_be_read(tmp_path: Path) -> None:
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=3, max_steps=6, directory=tmp_path / "run")
    damage(recording.episode_path(1))
    with pytest.warns(DamagedFileWarning, match=r"000001\.parquet"):
        rltools.explain(recording, policy, method="occlusion", references=12)
    result = recording.attribution(episodes=[0, 2])
    visited = np.concatenate([recording.episode(number).observations for number in (0, 2)])
    np.testing.assert_array_equal(result.references, visited)
