import numpy as np
import pytest

from rltools.ablation import ablations
from rltools.errors import RecordingError
from rltools.plots import importance, losses
from rltools.testing import check_plot, example_ablation, example_recording


@pytest.fixture
def recording(tmp_path):
    values = [np.random.default_rng(0).normal(size=(9, 1, 3)) for _ in range(3)]
    return example_recording(tmp_path / "recording", values)


def test_a_good_plot_passes(recording):
    check_plot(importance, recording)


def test_a_good_plot_of_an_ablation_passes(recording):
    example_ablation(recording)
    check_plot(losses, recording)


def _no_replacement(recording, axes=None, ablation=None):
    axes = losses(recording, axes=axes, ablation=ablation)
    axes.texts[0].remove()
    return axes


def _long_refusal(recording, axes=None, ablation=None):
    if not ablations(recording):
        raise RecordingError("there is no ablation\nablate first")
    return losses(recording, axes=axes, ablation=ablation)


def _needs_episodes(recording, axes=None, ablation=None):
    axes = losses(recording, axes=axes, ablation=ablation)
    for text in list(axes.texts):
        if text.get_text() == "no episodes":
            text.remove()
    return axes


def _another_loss(recording, axes=None, ablation=None, method=None):
    return losses(recording, axes=axes, ablation=ablation)


BAD_OF_ABLATIONS = {
    _no_replacement: "no replacement is named",
    _long_refusal: "more than one line",
    _needs_episodes: "y axis has no label|no episodes",
    _another_loss: "no method is named",
}


@pytest.mark.parametrize(("plot", "reason"), BAD_OF_ABLATIONS.items(), ids=lambda case: getattr(case, "__name__", ""))
def test_a_bad_plot_of_an_ablation_is_told_why(recording, plot, reason):
    example_ablation(recording)
    with pytest.raises(AssertionError, match=reason):
        check_plot(plot, recording)


def _not_axes(recording, axes=None):
    return importance(recording, axes=axes).figure


def _no_label(recording, axes=None):
    axes = importance(recording, axes=axes)
    axes.set_xlabel("")
    return axes


def _another_method(recording, axes=None):
    axes = importance(recording, axes=axes)
    axes.set_xlabel("occlusion of centered:chosen")
    return axes


def _another_target(recording, axes=None):
    axes = importance(recording, axes=axes)
    axes.set_xlabel("gradient of something")
    axes.texts[0].set_text("")
    return axes


def _overlapping(recording, axes=None):
    axes = importance(recording, axes=axes)
    for place in (0.5, 0.51):
        axes.text(place, 0.5, "over one another", transform=axes.transAxes)
    return axes


def _cut_off(recording, axes=None):
    axes = importance(recording, axes=axes)
    axes.text(0.5, 0.5, "too long " * 50, transform=axes.transAxes).set_in_layout(False)
    return axes


def _elsewhere(recording, axes=None):
    return importance(recording)


def _more_axes(recording, axes=None):
    axes = importance(recording, axes=axes)
    if len(axes.figure.axes) > 1:
        axes.figure.add_axes((0, 0, 0.1, 0.1))
    return axes


def _through_pyplot(recording, axes=None):
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    plt.figure()
    return importance(recording, axes=axes)


def _writes(recording, axes=None):
    (recording.directory / "cache").write_text("x")
    return importance(recording, axes=axes)


def _needs_steps(recording, axes=None):
    axes = importance(recording, axes=axes)
    for text in list(axes.texts):
        if text.get_text() == "no steps":
            text.remove()
    return axes


BAD = {
    _not_axes: "returns matplotlib Axes",
    _no_label: "x axis has no label",
    _another_method: "no method is named",
    _another_target: "none of the targets",
    _overlapping: "overlap",
    _cut_off: "cut off",
    _elsewhere: "returned others",
    _more_axes: "added axes",
    _through_pyplot: "pyplot",
    _writes: "changed files",
    _needs_steps: "y axis has no label|no steps",
}


@pytest.mark.parametrize(("plot", "reason"), BAD.items(), ids=lambda case: getattr(case, "__name__", ""))
def test_a_bad_plot_is_told_why(recording, plot, reason):
    try:
        with pytest.raises(AssertionError, match=reason):
            check_plot(plot, recording)
    finally:
        import matplotlib.pyplot as plt

        plt.close("all")
