"""The numbers, colours and names that a page shows in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete
from torch import nn

import rltools
from rltools.policy import Context, positions

Made = tuple[rltools.Recording, rltools.Policy]


@pytest.fixture(scope="module")
def page(cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rltools.replay(cartpole[0], 0, tmp_path_factory.mktemp("pages") / "page.html")


def opened(browser: Any, path: Path, fragment: str = "", **options: Any) -> None:
    browser.open(path, fragment, **options)
    assert browser.complaints() == []


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_the_bars_start_from_the_mean_score_of_the_references(browser: Any, page: Path, cartpole: Made) -> None:
    recording, policy = cartpole
    opened(browser, page, "#step=4")
    words = r"starts from (\S+), the mean score of the references, and the bars add (\S+)\."
    said = re.search(words, browser.text("#caption"))
    assert said is not None
    found = recording.attribution("shapley", episodes=[0])
    acted = Context(action=positions(policy, recording.episode(0).actions[4:5]))
    with torch.no_grad():
        scores = policy.head("logit", policy.encode(found.reference), acted.repeat(len(found.reference)))
    centred = (scores - scores.mean(1, keepdim=True))[:, recording.episode(0).actions[4]]
    start, added = (number(text) for text in said.groups())
    assert start == pytest.approx(float(centred.mean()), abs=0.0006)
    assert added == pytest.approx(float(found.values[4, 0].sum()), abs=0.0006)
    names = browser.run("[...document.querySelectorAll('#views option')].map((option) => option.textContent)")
    browser.run(
        f"(() => {{ const list = document.querySelector('#views'); list.value = "
        f"{names.index('centred:chosen by gradient')}; list.dispatchEvent(new Event('change')); }})()"
    )
    assert "references" not in browser.text("#caption")


def test_an_action_has_the_colour_that_it_has_in_the_plots(browser: Any, page: Path) -> None:
    from rltools.plots.style import action_colour

    opened(browser, page)
    shown = browser.run("[...document.querySelectorAll('#actions .swatch')].map((mark) => mark.style.background)")
    expected = [f"rgb({', '.join(str(int(action_colour(at)[i : i + 2], 16)) for i in (1, 3, 5))})" for at in range(2)]
    assert shown == expected


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
    recording = rltools.record(policy, Parts, episodes=1, directory=tmp_path / "run")
    rltools.explain(recording, policy)
    opened(browser, rltools.replay(recording, 0, tmp_path / "page.html"), "#step=1")
    names = browser.run("[...document.querySelectorAll('.feature')].map((name) => name.firstChild.textContent)")
    assert names == ["cell=0", "cell=1", "cell=2", "place/0", "place/1"]
    shown = browser.run("[...document.querySelectorAll('#bars .value')].map((cell) => cell.textContent)")
    assert [number(text) for text in shown] == pytest.approx(recording.episode(0).states[1].tolist(), abs=0.01)


class Joined(nn.Module):
    """A linear layer on all parts of an observation."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.layer(torch.cat([parts["cell"], parts["place"]], dim=1))


class Parts(gymnasium.Env[Any, Any]):
    """Observations of two parts, for three steps."""

    def __init__(self) -> None:
        self.observation_space = Dict(cell=Discrete(3), place=Box(-9, 9, (2,), np.float32))
        self.action_space = Discrete(2)

    def _observation(self) -> dict[str, Any]:
        return {"cell": self._t % 3, "place": np.full(2, self._t, np.float32)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._t = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self._t += 1
        return self._observation(), 1.0, self._t >= 3, False, {}
