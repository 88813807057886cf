"""Several episodes in one page, and two agents side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools
from rltools.errors import ArgumentError, RecordingError, UnknownNameError

Made = tuple[rltools.Recording, rltools.Policy]
SCORE = "the score of the action taken (centered)"
Data = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def other(explained_cartpole: Made, tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    """Episodes of another agent: the first of them has the seed of the second of the other's."""
    directory, second = tmp_path_factory.mktemp("other") / "run", explained_cartpole[0].outcome(1).seed
    recording = rltools.record(explained_cartpole[1], "CartPole-v1", episodes=2, seed=second, directory=directory)
    return rltools.explain(recording, explained_cartpole[1], method="gradient")


def test_no_episode_is_an_error(explained_cartpole: Made, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="at least one episode"):
        rltools.replay(explained_cartpole[0], [], tmp_path / "page.html")
    with pytest.raises(UnknownNameError, match="no episode 9"):
        rltools.replay(explained_cartpole[0], [0, 9], tmp_path / "page.html")


def test_the_other_recording_must_have_the_seed(
    explained_cartpole: Made, other: rltools.Recording, tmp_path: Path
) -> None:
    with pytest.raises(
        RecordingError, match=r"episode 0 has seed 5, .*\(its seeds: \d+, \d+\); record one with seed=5"
    ):
        rltools.replay(explained_cartpole[0], [1, 0], tmp_path / "page.html", beside=other)


def test_the_other_recording_must_be_of_the_environment(
    explained_cartpole: Made, images: rltools.Recording, tmp_path: Path
) -> None:
    with pytest.raises(RecordingError, match=r"of CartPole-v1, and .* of one made by a function"):
        rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html", beside=images)


def test_how_to_make_it_again_names_everything(
    explained_cartpole: Made, other: rltools.Recording, tmp_path: Path, data_of: Data
) -> None:
    page = rltools.replay(explained_cartpole[0], [1], tmp_path / "page.html", beside=other, title="two")
    again = data_of(page)["again"]
    expected = (
        "replay(rltools.open_recording('run'), [1], 'page.html', title='two', beside=rltools.open_recording('run'))"
    )
    assert again == f"rltools.{expected}"


def opened(browser: Any, path: Path, fragment: str = "", **options: Any) -> None:
    browser.open(path, fragment, **options)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.resolve().as_uri()]


def test_episodes_are_switched_by_list_key_and_address(browser: Any, explained_cartpole: Made, tmp_path: Path) -> None:
    path = rltools.replay(explained_cartpole[0], [1, 0], tmp_path / "page.html")
    lengths = [len(explained_cartpole[0].episode(number)) for number in (1, 0)]
    opened(browser, path, "#episode=0&step=4")
    assert browser.text("#clock") == f"step 4 / {lengths[1] - 1}"
    assert browser.run("document.querySelector('.frame').hidden") is False
    browser.press("c")
    assert browser.run("location.hash") == "#episode=0&step=4"
    browser.press("p")
    assert browser.text("#clock").endswith(f"/ {lengths[0] - 1}")
    assert browser.run("document.querySelector('.frame').hidden") is True  # frames were kept of the other alone
    assert browser.run("document.querySelectorAll('.track.heat').length") == 1
    browser.press("p")  # there is none before
    labels = browser.run("[...document.querySelectorAll('#episode option')].map((option) => option.textContent)")
    assert [label.split(":")[0] for label in labels] == ["1", "0"]
    browser.run(
        "(() => { const list = document.getElementById('episode'); list.value = 1;"
        "list.dispatchEvent(new Event('change')); })()"
    )
    assert browser.text("#clock").endswith(f"/ {lengths[1] - 1}")
    browser.run(
        "new Promise((done) => { addEventListener('hashchange', () => setTimeout(done), { once: true });"
        "location.hash = '#episode=1&step=2'; })"
    )
    assert browser.text("#clock") == f"step 2 / {lengths[0] - 1}"
    assert browser.complaints() == []


def test_two_agents_go_step_by_step(
    browser: Any, explained_cartpole: Made, other: rltools.Recording, tmp_path: Path
) -> None:
    path = rltools.replay(explained_cartpole[0], 1, tmp_path / "page.html", beside=other)
    opened(browser, path, "#step=3")
    episodes = [explained_cartpole[0].episode(1), other.episode(0)]
    assert episodes[0].outcome.seed == episodes[1].outcome.seed
    taken = browser.run("[...document.querySelectorAll('.side')].map((x) => x.querySelector('.now dd').textContent)")
    assert taken == [("left", "right")[episode.actions[3]] for episode in episodes]
    names = browser.run("[...document.querySelectorAll('.views')].map((x) => x.selectedOptions[0].textContent)")
    assert names == [f"gradient of {SCORE}"] * 2  # what both have; the first alone begins with Shapley values
    browser.press("m")  # what only one has is chosen there
    names = browser.run("[...document.querySelectorAll('.views')].map((x) => x.selectedOptions[0].textContent)")
    assert names[0] != names[1] == f"gradient of {SCORE}"
    browser.run("document.querySelectorAll('.side')[1].querySelectorAll('.row:not(.headers)')[2].click()")
    selected = browser.run("[...document.querySelectorAll('.row.selected .feature span')].map((x) => x.textContent)")
    assert selected == ["pole angle", "(rad)"] * 2
    browser.press("End")
    marks = browser.run("[...document.querySelectorAll('.mark')].map((mark) => mark.style.left)")
    assert len(set(marks)) == 1
    tops = "[...document.querySelectorAll('.side')].map((side) => side.getBoundingClientRect().top)"
    first, second = browser.run(tops)
    assert first == second
    opened(browser, path, width=400)
    first, second = browser.run(tops)
    assert second > first + 400
    assert browser.run("document.documentElement.scrollWidth") <= 400


def test_the_shorter_of_two_says_that_it_is_over(browser: Any, explained_cartpole: Made, tmp_path: Path) -> None:
    short = rltools.record(
        explained_cartpole[1], "CartPole-v1", episodes=1, seed=5, max_steps=4, directory=tmp_path / "short"
    )
    opened(browser, rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html", beside=short), "#step=3")
    over = "[...document.querySelectorAll('.over')].map((text) => !text.hidden)"
    assert browser.run(over) == [False, False]
    browser.press("ArrowRight")
    assert browser.run(over) == [False, True]
    text = browser.run("document.querySelectorAll('.over')[1].textContent")
    assert text == "over: stopped at the step limit after 4 steps"


CHOOSE = """(() => {
  const views = document.querySelector('.views');
  views.selectedIndex = [...views.options].findIndex((each) => each.textContent.startsWith('Shapley values'));
  views.dispatchEvent(new Event('change'));
})()"""
BESIDE = "[...document.querySelectorAll('{}')].map((each) => Math.round(each.getBoundingClientRect().top))"


def test_two_agents_stand_on_one_grid(
    browser: Any, explained_cartpole: Made, other: rltools.Recording, tmp_path: Path
) -> None:
    path = rltools.replay(explained_cartpole[0], 1, tmp_path / "page.html", beside=other)
    opened(browser, path, "#step=2", width=1280, height=720)
    assert browser.run("document.documentElement.scrollHeight") <= 720
    for part in (".heading", ".explained", ".decided", ".bars .row:not(.headers):nth-child(3)", ".margin"):
        tops = browser.run(BESIDE.format(part))
        assert len(tops) == 2, part
        assert tops[0] == tops[1], part
    # What holds for both stands once, and one time axis has both: paired rows, two lanes of actions.
    assert browser.text("#facts").count("CartPole-v1") == 1
    assert browser.run("document.querySelectorAll('.track.heat').length") == 1
    views = browser.run("[...document.querySelectorAll('.views')].map((each) => each.selectedOptions[0].textContent)")
    assert len(set(views)) == 1
    assert browser.text("#scales-note") == ""
    legends = browser.run("[...document.querySelectorAll('.legend')].map((each) => each.textContent)")
    assert legends[0] == legends[1]
    browser.run(CHOOSE)
    assert browser.text("#scales-note").startswith("scales differ: ")  # one of both is a gradient


def test_where_two_agents_first_disagree_is_a_moment(browser: Any, explained_cartpole: Made, tmp_path: Path) -> None:
    import torch
    from gymnasium.spaces import Box, Discrete

    module = torch.nn.Linear(4, 2)
    module.weight.data.zero_()
    other = 1 - int(explained_cartpole[0].episode(0).actions[2])  # this action, whatever it sees
    module.bias.data = torch.eye(2)[other]
    stubborn = rltools.TorchPolicy(
        module, Box(-torch.inf, torch.inf, (4,)), Discrete(2), name="stubborn", action_names=("left", "right")
    )
    recording = rltools.record(stubborn, "CartPole-v1", episodes=1, seed=5, directory=tmp_path / "run", bounds="any")
    actions = [each.episode(0).actions for each in (explained_cartpole[0], recording)]
    step = next(k for k, pair in enumerate(zip(*actions, strict=False)) if pair[0] != pair[1])
    opened(browser, rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html", beside=recording))
    moments = browser.run("[...document.querySelectorAll('#highlight-list a')].map((each) => each.textContent)")
    (moment,) = [text for text in moments if "first step at which they disagree" in text]
    assert moment.startswith(f"step {step}")
    names = ("left", "right")
    assert f"tiny {names[1 - other]}, stubborn {names[other]}" in moment
    assert all("tiny: " in text or "stubborn: " in text or "disagree" in text for text in moments)


def test_an_agent_that_does_not_observe_a_feature_has_no_values_of_it(browser: Any, tmp_path: Path) -> None:
    sides = []
    for agent in ("cartpole-ppo", "cartpole-recurrent-ppo"):  # the latter sees no velocities
        policy = rltools.load_policy(agent)
        recording = rltools.record(policy, episodes=1, max_steps=8, directory=tmp_path / agent)
        sides.append(rltools.explain(recording, policy, method="gradient"))
    opened(browser, rltools.replay(sides[0], 0, tmp_path / "page.html", beside=sides[1]))
    tips = {}
    for name in ("cart position", "cart velocity"):
        x, y = browser.run(
            f"(([label, plot]) => [plot.x + plot.width / 2, label.y + label.height / 2])([document.querySelector("
            f"'.heat .label[title=\"{name}\"]'), document.querySelector('.heat .u-over')]"
            ".map((each) => each.getBoundingClientRect()))"
        )
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        tips[name] = browser.text("#tip")
    assert "does not observe it" not in tips["cart position"]
    assert "cartpole-recurrent-ppo" in tips["cart velocity"]
    assert "does not observe it" in tips["cart velocity"]
    assert browser.complaints() == []
