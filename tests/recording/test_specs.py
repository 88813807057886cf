"""What was asked is what is answered, whatever the times of the files are; where several fit, an error lists them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, RecordingError
from rltools.pages.replay import replay_episode

Make = Callable[..., Any]


@pytest.fixture
def env(make_env: Make) -> Any:
    return make_env(length=6)


@pytest.fixture
def policy(make_policy: Make, env: Any) -> Any:
    return make_policy(env)


@pytest.fixture
def recording(policy: Any, env: Any, tmp_path: Path) -> rltools.Recording:
    return rltools.record(policy, env, episodes=2, directory=tmp_path / "run")


@pytest.fixture
def twice(recording: rltools.Recording, policy: Any) -> tuple[rltools.Recording, rltools.Recording]:
    """The same asked with other references, each with its own answer in hand."""
    few = rltools.explain(recording, policy, method="shapley", references=1)
    return few, rltools.explain(recording, policy, method="shapley", references=5)


def values(recording: rltools.Recording, key: str) -> np.ndarray:
    return recording.attribution_of(key).values


def test_what_was_asked_in_a_call_is_what_its_result_answers(
    twice: tuple[rltools.Recording, rltools.Recording], policy: Any
) -> None:
    few, many = twice
    keys = few.requested[-1], many.requested[-1]
    assert not np.array_equal(values(few, keys[0]), values(few, keys[1]))
    for answered, key in zip(twice, keys, strict=True):
        assert np.array_equal(answered.attribution("shapley").values, values(answered, key))
        assert rltools.summarize(answered).key == key
    again = rltools.explain(many, policy, method="shapley", references=1)
    assert again.find("shapley") == keys[0]
    assert again.requested == (keys[1], keys[0])


def test_the_key_names_the_folder(twice: tuple[rltools.Recording, rltools.Recording]) -> None:
    for recording in twice:
        for key, spec in recording.specs.items():
            assert spec.key == key
            assert spec.references in recording.descriptions[key]


def test_where_several_fit_an_error_lists_them_and_says_how_to_choose(
    twice: tuple[rltools.Recording, rltools.Recording], recording: rltools.Recording
) -> None:
    few, many = (answered.requested[-1] for answered in twice)
    for ask in (recording.find, recording.attribution, lambda: rltools.summarize(recording, method="shapley")):
        with pytest.raises(RecordingError) as caught:
            ask()
        message = str(caught.value)
        assert "2 attributions" in message
        assert f"{few} (shapley of centered:chosen (reference 1 visited states, seed 0))" in message
        assert f"{many} (shapley of centered:chosen (reference 5 visited states, seed 0))" in message
        assert "--method" in message
    for key in (few, many):
        assert recording.find(key) == key
        assert np.array_equal(recording.attribution(key).values, values(recording, key))
        assert rltools.summarize(recording, method=key).key == key


def test_everything_takes_the_name_of_the_folder_as_the_method(
    twice: tuple[rltools.Recording, rltools.Recording], recording: rltools.Recording
) -> None:
    for answered in twice:
        key = answered.requested[-1]
        references = f"reference {answered.spec(key).parameters['reference']}"
        for name in ("importance", "beeswarm", "decision", "filmstrip", "timeline"):
            axes = getattr(rltools.plots, name)(recording, method=key)
            texts = " ".join(text.get_text() for text in axes.get_figure(root=True).findobj(_is_text))
            assert references in " ".join(texts.split()), name
        assert any(references in str(finding) for finding in rltools.summarize(recording, method=key).findings)
        page = rltools.replay(recording, 0, recording.directory / "page.html", method=key)
        assert page.read_text().count('"method":"shapley"') == 1
    both = rltools.plots.importance(recording, method=[answered.requested[-1] for answered in twice])
    texts = " ".join(text.get_text() for text in both.get_figure(root=True).findobj(_is_text))
    assert all(f"reference {references} visited" in " ".join(texts.split()) for references in (1, 5))


def test_a_page_shows_all_that_fit_and_a_video_refuses(
    twice: tuple[rltools.Recording, rltools.Recording],
    recording: rltools.Recording,
    policy: Any,
) -> None:
    few, many = (answered.requested[-1] for answered in twice)
    rltools.explain(recording, policy, method="gradient")
    first, second = sorted((few, many))
    path = recording.directory / "page.html"
    for method, others in ((None, ["gradient"]), ("shapley", [])):
        pages = [rltools.replay(recording, 0, path, method=method).read_text()]
        pages.append(replay_episode(recording, 0, method=method, frames=False).read_text())
        for page in pages:
            assert re.findall(r'"method":"(\w+)"', page) == ["shapley", "shapley", *others]
            apart = [f"reference {recording.spec(key).parameters['reference']}" for key in (first, second)]
            assert re.findall(r'"distinction":"([^"]*)"', page) == [*apart, *("" for _ in others)]
    with pytest.raises(RecordingError, match="2 attributions"):
        rltools.video(recording, 0, recording.directory / "film.gif")
    with pytest.raises(RecordingError, match="no deep_lift"):
        rltools.replay(recording, 0, path, method="deep_lift")


def _is_text(artist: Any) -> bool:
    return hasattr(artist, "get_text")


def test_the_others_of_a_page_are_named_by_what_was_asked(
    twice: tuple[rltools.Recording, rltools.Recording], recording: rltools.Recording, without_plots: None
) -> None:
    from rltools.pages.report import write_report

    few, many = twice
    with pytest.raises(RecordingError, match="2 attributions"):
        write_report(recording)
    page = write_report(few).read_text()
    for references in (1, 5):
        name = f"Shapley values of the score of the action taken (centered) (reference {references} visited states"
        assert name in page
    table = (few.directory / "summary.csv").read_text()
    assert few.requested[-1] in table
    assert many.requested[-1] in table
    assert "reference 1 visited states" in repr(recording)


@pytest.mark.parametrize("options", [{"every": 2}, {"seed": 4}, {"tolerance": 0.5}])
def test_other_settings_are_told_apart_too(options: dict[str, Any], recording: rltools.Recording, policy: Any) -> None:
    method = "integrated_gradients"
    rltools.explain(recording, policy, method=method)
    rltools.explain(recording, policy, method=method, **options)
    with pytest.raises(RecordingError, match="2 attributions"):
        recording.attribution(method)
    assert len(set(recording.descriptions.values())) == 2


def test_methods_of_equal_rank_are_no_matter_of_time_either(recording: rltools.Recording, policy: Any) -> None:
    for method in ("occlusion", "smooth_grad"):
        if method == "occlusion":
            rltools.explain(recording, policy, method="expected_gradients", references=8, target="logit:chosen")
        else:
            rltools.explain(recording, policy, method=method, target="logit:chosen")
    with pytest.raises(RecordingError, match="2 attributions"):
        recording.find()
    assert recording.find("smooth_grad").startswith("smooth-grad")


@pytest.mark.parametrize("newest", [0, 1])
def test_the_times_of_files_change_nothing(
    newest: int, twice: tuple[rltools.Recording, rltools.Recording], recording: rltools.Recording, tmp_path: Path
) -> None:
    copied = shutil.copytree(recording.directory, tmp_path / "copy", copy_function=shutil.copyfile)
    for path in copied.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    os.utime(copied / "attributions" / twice[newest].requested[-1] / "attribution.json", (2_000_000_000, 2_000_000_000))
    again = rltools.open_recording(copied)
    with pytest.raises(RecordingError, match="2 attributions"):
        again.find()
    assert list(again.specs) == list(recording.specs)
    assert again.descriptions == recording.descriptions


def test_a_card_that_keeps_its_time_and_size_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rltools.cards._find import _read
    from rltools.cards.content import find_content

    source = find_content("envs", "cartpole")
    path = tmp_path / "card.yaml"
    text = source.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    first = _read(path)
    word = first.description[:6]
    path.write_text(text.replace(word, word[::-1]))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert _read(path).description != first.description


@pytest.mark.parametrize("window", [-1, True, "4", 2.5])
def test_a_window_is_a_number_of_observations(twice: tuple[rltools.Recording, rltools.Recording], window: Any) -> None:
    with pytest.raises(ArgumentError, match=f"window is {re.escape(repr(window))}; it must be"):
        twice[0].find(window=window)
