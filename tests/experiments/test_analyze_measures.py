"""`analyze` measures what the return is without each feature, as far as there is time, and says what it did not."""

from __future__ import annotations

import html
import re

import gymnasium
import numpy as np
import pytest

from rltools import analyze, load_policy
from rltools.ablation import ablations
from rltools.errors import ArgumentError, FaultError
from rltools.experiments import _ablate_in_time
from rltools.experiments._ablate_in_time import NotMeasuredWarning, fitting_work
from rltools.pages.notebook import analysis_html

QUICK = {"episodes": 3, "method": "gradient", "frames": False}


def text_of(page):
    """The text of a page, without its head."""
    body = page.read_text(encoding="utf-8").partition("<body>")[2]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


@pytest.fixture
def steered(monkeypatch, without_plots):
    """An agent, and its environment of few steps; pages have no plots and no replays, which have tests of their own."""
    monkeypatch.setattr("rltools.experiments.analyze.replay_episodes", lambda *arguments, **options: None)
    entry = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    gymnasium.register("TwentyPole-v0", entry, max_episode_steps=20)
    yield load_policy("cartpole-ppo"), "TwentyPole-v0"
    gymnasium.registry.pop("TwentyPole-v0")


def test_what_was_measured_heads_findings_page_and_card(steered, tmp_path):
    policy, env = steered
    created = analyze(policy, env, seeds=6, directory=tmp_path / "run", **QUICK)
    assert created.unmeasured == ""
    assert created.findings[0].kind.startswith("loss_")
    assert created.ablation.losses().seeds.min() >= 6
    kinds = [finding.kind for finding in created.findings]
    assert kinds.index("verdicts") < kinds.index("first_agreement") < kinds.index("loss_controls")
    page = created.page.read_text(encoding="utf-8")
    assert f"<h1>What {policy.source.name} needs</h1>" in page
    assert (
        page.index('id="finding"') < page.index('id="trust"') < page.index('id="decision"') < page.index('id="score"')
    )
    text = text_of(created.page)
    assert "Nothing was measured" not in text
    assert "◇ replaced by its mean over visited states" in text
    assert "A feature is needed if the 95 % interval of its loss lies above zero" in text
    assert "not another draw of visited states, another replacement or another training run" in text
    rows = re.findall(r'<td class="verdict (\w+)">', page)
    assert sorted(rows) == sorted(verdict.kind for verdict in created.ablation.verdicts())
    assert "--seeds 6" in text
    card = analysis_html(created.answer, created.page)
    assert "loss of return" in card
    assert "verdict</th>" in card


def test_a_rank_that_the_losses_do_not_allow_is_marked_on_the_page(steered, tmp_path):
    policy, env = steered
    created = analyze(policy, env, directory=tmp_path / "run", **QUICK)
    marked = sum(sum(column.outside) for column in created.measured.ranks.columns)
    assert created.page.read_text(encoding="utf-8").count('<td class="rank outside">') == marked


def test_without_the_measurement_the_page_says_so_and_leads_with_the_decision(steered, tmp_path):
    policy, env = steered
    created = analyze(policy, env, ablate=False, directory=tmp_path / "run", **QUICK)
    assert created.ablation is None
    assert ablations(created.recording) == ()
    assert created.findings[0].target == "decision"
    assert [finding.kind for finding in created.findings].count("not_measured") == 1
    text = text_of(created.page)
    assert text.index("Replacing ") < text.index("Nothing was measured: no episode was run in which the agent does not")
    assert f"What {policy.source.name} looks at" in text
    assert "--no-ablate" in text
    assert "needs" not in text.partition("How the decision")[0].partition("Nothing was measured")[0]


def test_what_fails_is_a_warning_and_the_page_is_whole(steered, tmp_path, monkeypatch):
    policy, env = steered

    def broken(*arguments, **options):
        raise FaultError("every one of 16 episodes ended by a fault")

    monkeypatch.setattr(_ablate_in_time, "ablate", broken)
    with pytest.warns(NotMeasuredWarning, match="nothing was measured: every one of 16 episodes"):
        created = analyze(policy, env, directory=tmp_path / "run", **QUICK)
    assert "Nothing was measured: every one of 16 episodes ended by a fault." in text_of(created.page)
    assert created.unmeasured.startswith("every one of 16 episodes")


def test_too_much_work_is_left_out_or_done_at_fewer_seeds_and_said(steered, tmp_path, monkeypatch, capsys):
    policy, env = steered
    a_step = 10.0
    monkeypatch.setattr(_ablate_in_time, "_seconds_per_step", lambda *arguments: a_step)
    with pytest.warns(NotMeasuredWarning, match=r"hiding each of 4 features at 2 seeds would take about [\d,]+ s, and"):
        created = analyze(policy, env, seconds=60, directory=tmp_path / "none", **QUICK)
    assert created.ablation is None
    a_step = 0.1  # 20 steps, 1.5 times as long, of 4 features, one and a half times, and none: 21 s a seed
    created = analyze(policy, env, seconds=90, progress=True, directory=tmp_path / "few", **QUICK)
    assert created.ablation.losses().seeds.tolist() == [4, 4, 4, 4]
    assert "4 of 16 seeds, to keep to 90 s" in capsys.readouterr().err


def test_what_was_measured_before_is_not_measured_again(steered, tmp_path, monkeypatch):
    policy, env = steered
    first = analyze(policy, env, seeds=4, directory=tmp_path / "run", **QUICK)
    monkeypatch.setattr(_ablate_in_time, "_seconds_per_step", lambda *arguments: pytest.fail("it was there"))
    again = analyze(policy, env, seeds=4, directory=tmp_path / "run", **QUICK)
    assert len(again.ablation.rollouts) == len(first.ablation.rollouts)
    np.testing.assert_array_equal(again.ablation.losses().interval.value, first.ablation.losses().interval.value)


def test_numbers_of_seeds_are_checked_first(steered, tmp_path):
    policy, env = steered
    with pytest.raises(ArgumentError, match="seeds is 0"):
        analyze(policy, env, seeds=0, directory=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_there_is_time_for_more_seeds_where_steps_are_quick():
    assert fitting_work(265, 8, 0.00006, 60, 16).most == 128
    assert fitting_work(1000, 8, 0.001, 60, 16).seeds == 3
    assert fitting_work(1000, 8, 0.001, 60, 1).seeds == 1
    assert fitting_work(0, 3, 0.0, 60, 16).seeds == 16
