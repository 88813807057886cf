"""Numbers that a caveat undermines carry a dagger, which leads to that caveat."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rltools.pages.answer import answer_of
from rltools.summary import DAGGER, Caveat, Finding, marked, marked_loss, summarize
from rltools.summary.finding import number_of
from rltools.testing import example_recording


def lead(*names: str) -> Finding:
    return Finding("lead", tuple(number_of(name, 0.5) for name in names), len(names), "tied", "shapley", "value")


def test_residuals_undermine_every_share_of_their_attribution() -> None:
    caveat = Caveat("residual", n=3, total=5, share=0.4)
    finding = marked(lead("a", "b"), [caveat])
    assert isinstance(finding, Finding)
    assert finding.marks == (caveat.id,)
    daggers = [span for span in finding.sentence.spans if span.role == "mark"]
    assert [(span.text, span.to) for span in daggers] == [(DAGGER, caveat.id)] * 2
    assert str(finding).count(f"50 %{DAGGER}") == 2


def test_a_caveat_that_names_features_undermines_only_theirs() -> None:
    finding = marked(lead("a", "b"), [Caveat("few_references", total=32, names=("b",))])
    assert isinstance(finding, Finding)
    assert [bool(each.marks) for each in finding.subjects] == [False, True]
    assert f"b 50 %{DAGGER}" in str(finding)


def test_a_caveat_that_undermines_nothing_marks_nothing() -> None:
    for caveat in (Caveat("units"), Caveat("references", text="32 visited states"), Caveat("masks_untouched")):
        assert marked(lead("a"), [caveat]) == lead("a")
    returned = Finding("mean_return", (number_of("return", 5.0),), n=9)
    assert marked(returned, [Caveat("residual", n=1, total=2)]) == returned


def test_another_replacement_that_names_another_first_feature_undermines_the_first_loss_only() -> None:
    other = Caveat("other_replacement", n=8, names=("a", "b"), text="replaced by its mean")
    first = Finding("loss_lead", (number_of("a", 9.0, 8.0, 10.0),), n=16, total=3, replacement="resample")
    following = Finding("loss_next", (number_of("b", 5.0, 4.0, 6.0),), total=3)
    marked_first = marked_loss(first, [other])
    assert isinstance(marked_first, Finding)
    assert marked_first.marks == (other.id,)
    assert marked_loss(following, [other]) == following
    few = Caveat("few_seeds", n=3)
    each = [marked_loss(finding, [few]) for finding in (first, following)]
    assert all(isinstance(finding, Finding) and finding.marks == (few.id,) for finding in each)


def test_ids_tell_caveats_apart_but_not_what_they_are_about() -> None:
    first, second = Caveat("residual", n=1, total=5), Caveat("residual", n=2, total=5)
    assert first.id != second.id
    assert first.id == Caveat("residual", n=1, total=5, about=("gradient",)).id
    assert first.id.startswith("caveat-residual-")


def test_marks_of_a_run_lead_to_caveats_that_it_lists(tmp_path: Path) -> None:
    residuals = [np.full((6, 1), -0.5, np.float32)] * 6
    values = [np.tile(np.array([3.0, 1.0]), (6, 1, 1))] * 6
    recording = example_recording(tmp_path / "r", values, residuals=residuals, unit="score", method="shapley")
    assert summarize(recording).residuals is not None
    answer = answer_of(recording)
    marks = {mark for each in answer.findings if isinstance(each, Finding) for mark in each.marks}
    assert marks
    assert marks <= {caveat.id for caveat in answer.caveats}
