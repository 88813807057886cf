import numpy as np
import pytest

from rltools import plots
from rltools.spaces import Features
from rltools.testing import check_plot, example_ablation, example_recording
from rltools.testing._check_plot import content_of


def _discrete(folder):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(length, 1, 4)) for length in (40, 25, 30)]
    names = Features((4,), ("feature",), ("cart position", "cart velocity", "pole angle", "pole angular velocity"),
                     ("m", "m/s", "rad", "rad/s"))  # fmt: skip
    return example_recording(folder, values, features=names)


def _continuous(folder):
    rng = np.random.default_rng(0)
    joints = ("hip 1", "knee 1", "hip 2", "knee 2")
    values = [rng.normal(size=(length, 4, 24)) for length in (40, 25)]
    labels = tuple(f"action:{joint}" for joint in joints)
    return example_recording(folder, values, labels=labels, action_names=joints, action_start=None)


def _image_case(folder):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(length, 1, 12, 12, 3)) for length in (12, 9)]
    observations = [rng.integers(0, 255, (len(part), 12, 12, 3), dtype=np.uint8) for part in values]
    return example_recording(folder, values, observations=observations, method="integrated_gradients", unit="score")


def _single(folder):
    return example_recording(folder, [np.ones((1, 1, 1))])


def _gaps(folder):
    values = [np.random.default_rng(0).normal(size=(30, 1, 3)) for _ in range(2)]
    for part in values:
        part[::3] = np.nan
    return example_recording(folder, [*values, np.zeros((0, 1, 3))])


def _all_zero(folder):
    return example_recording(folder, [np.zeros((9, 1, 3)), np.zeros((4, 1, 3))])


def _constant(folder):
    values = [np.random.default_rng(0).normal(size=(30, 1, 2)) for _ in range(2)]
    return example_recording(folder, values, observations=[np.ones((30, 2))] * 2)


def _many(folder):
    values = [np.random.default_rng(0).normal(size=(20, 1, 400)) for _ in range(2)]
    names = tuple(f"joint {index // 2} {'angle' if index % 2 else 'velocity'}" for index in range(400))
    return example_recording(folder, values, features=Features((400,), ("feature",), names, ("rad", "rad/s") * 200))


def _hostile(folder):
    names = ("$x_1$", "100 %", "two\nlines\tand a tab", "n" * 10_000, "_hidden", "速度", "<script>", r"\frac{a}{b} $")
    values = [np.random.default_rng(0).normal(size=(20, 1, 8)) for _ in range(2)]
    features = Features((8,), ("feature",), names, ("$", "%", "°", "m\n", "", "", "m" * 99, "µ"))
    actions = ("_left", "$right$", "a" * 10_000, "\x00", "up\ndown", "跳", "%", "8", "9")
    return example_recording(folder, values, features=features, action_names=actions, labels=("centered:$right$",))


def _recorded(case, folder, plot):
    """The recording of a case, with an ablation if the plot draws one."""
    recording = case(folder)
    if content_of(plot).ablation:
        seeds = 1 if recording.features.size > 100 else 3
        example_ablation(recording, seeds=seeds, measure_coalitions=True)
    return recording


CASES = (_discrete, _continuous, _image_case, _single, _gaps, _all_zero, _constant, _many, _hostile)


SHORTER = (_discrete, _continuous, _image_case)
"""Cases that are drawn without episodes and with a single step, too: without values the others are like these."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.strip("_"))
@pytest.mark.parametrize("name", plots.plot_names())
def test_plot(name, case, tmp_path):
    plot = getattr(plots, name)
    check_plot(plot, _recorded(case, tmp_path / "recording", plot), shorter=case in SHORTER)


@pytest.mark.parametrize("name", plots.plot_names())
def test_plot_can_be_saved(name, tmp_path):
    plot = getattr(plots, name)
    axes = plot(_recorded(_hostile, tmp_path / "recording", plot))
    for kind in ("svg", "pdf", "png"):
        axes.figure.savefig(tmp_path / f"picture.{kind}")
        assert (tmp_path / f"picture.{kind}").stat().st_size > 1000
