"""The numbers, colors and names that a page shows in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, Text
from torch import nn

import rltools
from rltools.policies.base import Context
from rltools.policies.decide import positions
from rltools.spaces import Features, space_features

Made = tuple[rltools.Recording, rltools.Policy]


@pytest.fixture(scope="module")
def page(explained_cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rltools.replay(explained_cartpole[0], 0, tmp_path_factory.mktemp("pages") / "page.html")


def opened(browser: Any, path: Path, fragment: str = "", **options: Any) -> None:
    browser.open(path, fragment, **options)
    assert browser.complaints() == []


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_the_bars_start_from_the_mean_score_of_the_references(
    browser: Any, page: Path, explained_cartpole: Made
) -> None:
    recording, policy = explained_cartpole
    opened(browser, page, "#step=4")
    words = r"starts from (\S+), the mean score of the references, and the bars add (\S+)\."
    sentence = re.search(words, browser.text(".caption"))
    assert sentence is not None
    result = recording.attribution("shapley", episodes=[0])
    acted = Context(action=positions(policy, recording.episode(0).actions[4:5]))
    with torch.no_grad():
        scores = policy.head("logit", policy.encode(result.references), acted.repeat(len(result.references)))
    centered = (scores - scores.mean(1, keepdim=True))[:, recording.episode(0).actions[4]]
    start, added = (number(text) for text in sentence.groups())
    assert start == pytest.approx(float(centered.mean()), abs=0.0006)
    assert added == pytest.approx(float(result.values[4, 0].sum()), abs=0.0006)
    names = browser.run("[...document.querySelectorAll('.views option')].map((option) => option.textContent)")
    position = names.index("gradient of the score of the action taken (centered)")
    browser.run(
        f"(() => {{ const list = document.querySelector('.views'); list.value = {position};"
        "list.dispatchEvent(new Event('change')); })()"
    )
    assert "references" not in browser.text(".caption")


def test_an_action_has_the_color_that_it_has_in_the_plots(browser: Any, page: Path) -> None:
    from rltools.plots.drawing.colors import action_color

    opened(browser, page)
    displayed = browser.run(
        "[...document.querySelectorAll('.actions .swatch')].map((mark) => getComputedStyle(mark).backgroundColor)"
    )
    expected = [
        f"rgb({', '.join(str(int(action_color(index)[i : i + 2], 16)) for i in (1, 3, 5))})" for index in range(2)
    ]
    assert displayed == expected


def test_names_and_units_are_whole_where_the_page_is_narrow(browser: Any, page: Path) -> None:
    opened(browser, page, width=896)
    spans = "[...document.querySelectorAll('.feature > span')]"
    cut = browser.run(
        f"{spans}.filter((x) => x.scrollWidth > x.clientWidth + 1 || x.scrollHeight > x.clientHeight + 1).length"
    )
    assert cut == 0


def test_an_observation_of_several_parts_has_a_row_for_each_number(browser: Any, tmp_path: Path) -> None:
    space = Dict(cell=Discrete(3), place=Box(-9, 9, (2,), np.float32))
    policy = rltools.TorchPolicy(Joined(), space, Discrete(2))
    recording = rltools.record(policy, lambda: Counting(space), episodes=1, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="gradient")
    opened(browser, rltools.replay(recording, 0, tmp_path / "page.html"), "#step=1")
    names = "[...document.querySelectorAll('.feature')].map((name) => name.firstChild.textContent)"
    values = "[...document.querySelectorAll('.bars .value')].map((cell) => cell.textContent)"
    numbers = "[...document.querySelectorAll('.bars .number')].map((cell) => cell.textContent)"
    assert browser.run(names) == ["cell", "place"]  # an entry is one variable
    states = recording.episode(0).states[1]
    assert browser.run(values) == ["1", ""]
    attributions = recording.attribution().values[1, 0] * np.concatenate([e.states for e in recording]).std(axis=0)
    sums = [attributions[:3].sum(), attributions[3:].sum()]
    assert [number(text) for text in browser.run(numbers)] == pytest.approx(sums, abs=0.01)
    browser.run("document.getElementById('elements').click()")
    assert browser.run(names) == ["cell=0", "cell=1", "cell=2", "place/0", "place/1"]
    assert [number(text) for text in browser.run(values)] == pytest.approx(states.tolist(), abs=0.01)


def test_a_picture_among_other_parts_is_a_picture(browser: Any, tmp_path: Path) -> None:
    _, path = pictured(tmp_path)
    opened(browser, path, "#step=1", height=2000)
    names = browser.run("[...document.querySelectorAll('.feature')].map((name) => name.firstChild.textContent)")
    assert names == ["camera", "cell"]
    browser.run("document.getElementById('elements').click(); document.getElementById('all-rows').click()")
    names = browser.run("[...document.querySelectorAll('.feature')].map((name) => name.firstChild.textContent)")
    assert len(names) == 16 + 3
    assert names[0] == "camera: y0-1 x0-2"
    assert names[-3:] == ["cell=0", "cell=1", "cell=2"]
    displayed = browser.run("[...document.querySelectorAll('.bars .value')].map((cell) => cell.textContent)")
    assert displayed == [""] * 16 + ["0", "1", "0"]
    assert browser.text(".observation figcaption").endswith("camera")
    assert browser.text(".texts dd") == "go to 1"
    # The second pixel of the third row is the brightest of all, and the largest of the map.
    index = (
        "((kind) => {{ const c = document.querySelector('.canvas.' + kind);"
        "return [...c.getContext('2d').getImageData(c.width * 1.5 / 9, c.height * 2.5 / 8, 1, 1).data]; }})('{}')"
    )
    seen, cover = index.format("seen"), index.format("cover")
    browser.wait_for(f"{seen}[0] === 200 && {seen}[2] === 200")
    browser.wait_for(f"Math.abs({cover}[0] - {cover}[2]) > 40")
    # A region has no value of its own to be drawn over time.
    assert browser.run("document.querySelector('.track.observed').hidden") is True


def test_rows_of_pictures_and_others_are_standardized_alike(browser: Any, tmp_path: Path) -> None:
    recording, path = pictured(tmp_path)
    opened(browser, path, "#step=1", height=2000)
    browser.run("document.getElementById('elements').click(); document.getElementById('all-rows').click()")
    states = np.concatenate([episode.states for episode in recording]).astype(float)
    values = recording.attribution("gradient", episodes=[0]).values[1, 0]
    numbers = "[...document.querySelectorAll('.bars .number')].map((cell) => cell.textContent)"
    for result in (values * states.std(axis=0), values):
        drawn, near = [number(text) for text in browser.run(numbers)], 0.006 * float(np.abs(result).max())
        picture = result[:72].reshape(8, 9)
        assert drawn[0] == pytest.approx(float(picture[:2, :3].sum()), abs=near)
        assert drawn[-3:] == pytest.approx(result[72:].tolist(), abs=near)
        browser.run("document.querySelector('.standardized').click()")
    assert browser.complaints() == []


def test_of_many_choices_those_are_listed_that_say_something(browser: Any, tmp_path: Path) -> None:
    space = Discrete(300)
    torch.manual_seed(0)
    names = tuple(f"state=row {index}, column 3, passenger in the taxi, destination yellow" for index in range(300))
    features = Features((300,), given_names=names, leaves=space_features(space).leaves)
    policy = rltools.TorchPolicy(nn.Linear(300, 2), space, Discrete(2), features=features)
    recording = rltools.record(policy, lambda: Counting(space), episodes=1, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="integrated_gradients", references=8)
    opened(browser, rltools.replay(recording, 0, tmp_path / "page.html"), "#step=1", height=2000)
    rows = "[...document.querySelectorAll('.bars .row:not(.headers)')].filter((row) => !row.hidden)"
    values = f"{rows}.map((row) => row.querySelector('.value').textContent)"
    assert browser.run(values) == [names[1]]  # one variable, whose value is a name
    browser.run("document.getElementById('elements').click()")
    listed = browser.run(f"{rows}.map((row) => row.querySelector('.feature').firstChild.textContent)")
    assert set(names[:3]) <= set(listed)  # those that were ever seen matter most
    assert len(listed) < 60
    assert browser.run(values).count("1") == 1
    assert browser.text(".row-count").startswith(f"{len(listed)} of 300 features")
    browser.press("ArrowRight")
    assert browser.run(f"{rows}.map((row) => row.querySelector('.feature').firstChild.textContent)") == listed
    labels = browser.run("[...document.querySelectorAll('.label > span')].map((label) => label.textContent)")
    assert set(names[:3]) <= set(labels)
    browser.run("document.getElementById('all-rows').click()")
    assert browser.run(f"{rows}.length") == 300
    browser.run("document.getElementById('all-rows').click()")
    assert browser.run(f"{rows}.length") == len(listed)
    assert browser.complaints() == []


def pictured(tmp_path: Path) -> tuple[rltools.Recording, Path]:
    """A recording of a Dict with a picture and a text, and its replay."""
    space = Dict(camera=Box(0, 255, (8, 9), np.uint8), cell=Discrete(3), mission=Text(20))
    torch.manual_seed(0)
    policy = rltools.TorchPolicy(Joined(72 + 3, ("camera", "cell")), space, Discrete(2))
    recording = rltools.record(policy, lambda: Counting(space), episodes=1, directory=tmp_path / "run")
    rltools.explain(recording, policy, method="gradient")
    return recording, rltools.replay(recording, 0, tmp_path / "page.html")


class Joined(nn.Module):
    """A linear layer on some parts of an observation."""

    def __init__(self, size: int = 5, parts: tuple[str, ...] = ("cell", "place")) -> None:
        super().__init__()
        self.parts = parts
        self.layer = nn.Linear(size, 2)

    def forward(self, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.layer(torch.cat([parts[name].flatten(1) for name in self.parts], dim=1))


class Counting(gymnasium.Env[Any, Any]):
    """Observations that count three steps, whatever their space."""

    def __init__(self, space: Space[Any]) -> None:
        self.observation_space = space
        self.action_space = Discrete(2)

    def _observation(self) -> Any:
        camera = np.full((8, 9), 10 * self._t, np.uint8)
        camera[2, 1] = 200 * (self._t % 2)
        every = {"camera": camera, "cell": self._t % 3, "place": np.full(2, self._t, np.float32)}
        if not isinstance(self.observation_space, Dict):
            return self._t
        return {name: every.get(name, f"go to {self._t}") for name in self.observation_space}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._t = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self._t += 1
        return self._observation(), 1.0, self._t >= 3, False, {}
