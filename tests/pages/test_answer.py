"""What a run says: one order of statements for page, terminal and notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.experiments.analyze import Analysis
from rltools.pages.answer import Answer, answer_of
from rltools.pages.notebook import analysis_html
from rltools.pages.report import write_report
from rltools.summary import Caveat, Finding
from rltools.testing import example_recording


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    """A short run of cartpole-ppo: explained twice, and measured at a few seeds."""
    policy = rltools.load_policy("cartpole-ppo")
    folder = tmp_path_factory.mktemp("answers") / "run"
    recording = rltools.record(policy, episodes=5, max_steps=40, directory=folder)
    recording = rltools.explain(recording, policy, method="shapley", references=8)
    recording = rltools.explain(recording, policy, method="decision_change", target="decision", references=8)
    rltools.ablate(policy, recording, seeds=6, most=6, max_steps=500, second=None)
    return recording


@pytest.fixture
def explained(tmp_path: Path) -> rltools.Recording:
    values = [np.tile(np.array([3.0, 1.0, 0.5]), (6, 1, 1)) + 0.01 * number for number in range(6)]
    return example_recording(tmp_path / "run", values, unit="score", method="shapley")


def keys(answer: Answer) -> list[str]:
    return [section.key for section in answer.sections]


def test_what_was_measured_leads_and_trust_follows(measured: rltools.Recording) -> None:
    answer = answer_of(measured)
    assert keys(answer) == ["measured", "trust", "decision", "score"]
    assert isinstance(answer.headline, Finding)
    assert answer.headline.kind.startswith("loss_")
    assert answer.trust is not None
    assert str(answer.trust).startswith("Trust: ")
    assert [bar.length for bar in answer.bars] == sorted((bar.length for bar in answer.bars), reverse=True)
    assert answer.bars[0].length == 1


def test_the_returns_of_the_recording_and_of_the_losses_are_told_apart(
    measured: rltools.Recording, explained: rltools.Recording, without_plots: None
) -> None:
    answer = answer_of(measured)
    assert isinstance(answer.headline, Finding)
    assert answer.headline.baseline is not None
    mean = f"{answer.headline.baseline.share:.0f}"
    other = f"Losses are measured in other episodes, from other seeds, whose mean return is {mean}"
    assert answer.returns is not None
    assert other in str(answer.returns)
    assert other in write_report(measured).read_text(encoding="utf-8")
    assert "Losses" not in str(answer_of(explained).returns)


def test_a_summary_begins_with_what_was_measured(measured: rltools.Recording, explained: rltools.Recording) -> None:
    assert rltools.summarize(measured).findings[0] == answer_of(measured).measured.findings[0]
    assert rltools.summarize(explained).losses == ()


def test_without_losses_it_is_said_that_nothing_was_measured(explained: rltools.Recording) -> None:
    answer = answer_of(explained, unmeasured="the environment is gone")
    assert keys(answer) == ["score"]
    caveats = [each for each in answer.sections[0].findings if isinstance(each, Caveat)]
    assert [caveat.kind for caveat in caveats] == ["not_measured"]
    assert "the environment is gone" in str(caveats[0])
    position = answer.sections[0].findings.index(caveats[0])
    assert all(
        getattr(each, "kind", "") in ("lead", "next", "lead_time") for each in answer.sections[0].findings[:position]
    )


def test_page_terminal_and_notebook_say_the_same_in_the_same_order(
    measured: rltools.Recording,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    without_plots: None,
) -> None:
    from rltools.cli import screen

    answer = answer_of(measured)
    sentences = [str(each) for section in answer.sections for each in section.findings if isinstance(each, Finding)]
    assert len(sentences) > 6
    monkeypatch.setattr(screen, "MOST_FINDINGS", 100)
    screen.show_answer(answer, measured.directory / "index.html")
    terminal = " ".join(capsys.readouterr().out.split())
    notebook = " ".join(analysis_html(answer, measured.directory / "index.html").split())
    for text in (terminal, notebook):
        plain = text.replace("&#39;", "'")
        places = [plain.index(sentence.replace("  ", " ")) for sentence in sentences]
        assert places == sorted(places)
    page = write_report(measured, answer=answer).read_text("utf-8")
    assert str(answer.trust).removeprefix("Trust: ").replace("'", "&#39;") in page


def test_findings_of_an_analysis_are_those_of_its_answer(measured: rltools.Recording) -> None:
    summary = rltools.summarize(measured, method="shapley")
    analysis: Any = Analysis(measured, summary, measured.directory / "index.html")
    assert analysis.findings[0] == analysis.answer.headline
    assert analysis.findings[1] == analysis.answer.trust
    assert repr(analysis).startswith("Analysis('Without ")


def test_the_attribution_that_was_wanted_heads_the_score(measured: rltools.Recording) -> None:
    key = measured.find("decision_change")
    answer = answer_of(measured, first=key)
    assert answer.main.key == key
    assert "score" not in keys(answer)


def test_every_sentence_begins_in_upper_case_or_with_a_name(measured: rltools.Recording) -> None:
    for each in answer_of(measured).findings:
        assert str(each)[0].isupper() or str(each)[0].isdigit(), str(each)
        assert str(each).endswith("."), str(each)
