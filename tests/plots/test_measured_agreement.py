"""The plot of agreement with measured losses: what is drawn, and what is said where nothing was measured."""

import numpy as np
import pytest
from matplotlib.text import Text

import rltools
from rltools._util.glossary import method_title
from rltools.errors import RecordingError, UnknownNameError
from rltools.metrics import assess_recorded
from rltools.plots import measured_agreement
from rltools.plots.drawing.colors import theme_color
from rltools.testing import check_plot


@pytest.fixture(scope="module")
def poles(tmp_path_factory):
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=6, max_steps=60, directory=tmp_path_factory.mktemp("poles") / "run")
    for method in ("decision_change", "gradient", "random"):
        recording = rltools.explain(recording, policy, method=method)
    rltools.ablate(policy, recording, seeds=6, most=6, second=None)
    return recording


def test_each_method_is_a_dot_at_its_concordance(poles):
    axes = measured_agreement(poles)
    rows = {row.key: row for row in assess_recorded(poles, metrics=["loss_concordance"])}
    dots = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o")
    assert dots == pytest.approx(sorted(row.value for row in rows.values()))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    best = max(row.value for row in rows.values() if not row.control)
    assert labels[0] in [method_title(row.method) for row in rows.values() if row.value == best]
    assert labels[-1] == "random (control)"
    assert np.diff(axes.get_yticks())[-1] > 1
    filled = [
        line for line in axes.lines if line.get_marker() == "o" and line.get_markerfacecolor() != theme_color("paper")
    ]
    assert len(filled) == sum(bool(row.separates) for row in rows.values())
    check_plot(measured_agreement, poles)


def test_some_of_the_methods(poles):
    axes = measured_agreement(poles, method=["gradient"], target="centered:chosen")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gradient"]


def test_nothing_measured_is_said(poles, tmp_path):
    policy = rltools.load_policy("cartpole-ppo")
    recording = rltools.record(policy, episodes=1, max_steps=9, directory=tmp_path / "run")
    axes = measured_agreement(rltools.explain(recording, policy, method="gradient"))
    words = " ".join(text.get_text() for text in axes.findobj(Text)).replace("\n", " ")
    assert "nothing was measured: add losses with rltools.ablate" in words


def test_what_is_not_there_is_refused(poles):
    with pytest.raises(RecordingError, match="no occlusion"):
        measured_agreement(poles, method="occlusion")
    with pytest.raises(UnknownNameError, match="no ablation 'zero'"):
        measured_agreement(poles, ablation="zero")
