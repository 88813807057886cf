from dataclasses import replace

import numpy as np
import pytest

from rltools.plots import lags
from rltools.spaces import Features
from rltools.summary import lag_shares, lagged_key
from rltools.testing import check_plot, example_recording
from rltools.testing._recordings import Explained, write_recording

MOMENT = Features((2,), ("feature",), ("angle", "position"), ("rad", "m"))


@pytest.fixture
def stacked(tmp_path):
    values = [np.random.default_rng(index).normal(size=(8 + index, 1, 3, 2)) for index in range(3)]
    return example_recording(tmp_path / "r", values, features=MOMENT.windowed(3), unit="score", method="shapley")


def _texts(axes):
    return " ".join(text.get_text().replace("\n", " ") for text in axes.texts)


def test_shares_are_by_feature_and_by_moment(stacked):
    result = lag_shares(stacked, stacked.find())
    size = np.abs(stacked.attribution().values).mean(axis=(0, 1))
    assert result.features == ("angle", "position")
    assert result.units == ("rad", "m")
    assert result.lags == (2, 1, 0)
    assert result.share.value == pytest.approx((size / size.sum()).T, rel=1e-5)
    assert result.of_lag.value == pytest.approx(size.sum(axis=1) / size.sum(), rel=1e-5)
    assert np.isnan(result.of_lag.low).all(), "of three episodes there is no interval"


def test_now_is_at_the_right(stacked):
    axes = lags(stacked)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "1", "now"]
    check_plot(lags, stacked)


def test_an_observation_of_the_moment_is_one_column_and_says_so(tmp_path):
    axes = lags(example_recording(tmp_path / "r", [np.ones((5, 1, 2))] * 2))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["now"]
    assert "there is only now" in _texts(axes)
    single = lags(example_recording(tmp_path / "of_five", [np.ones((5, 1, 2)) * k for k in range(1, 6)]))
    assert "interval" not in _texts(single), "nothing is drawn that has an interval"


def test_a_window_of_a_recurrent_policy_speaks_first(tmp_path):
    plain = example_recording(tmp_path / "plain", [np.ones((5, 1, 2))] * 2, features=MOMENT)
    (key,) = plain.specs
    spec = replace(plain.spec(key), parameters={"window": 4})
    parts = [
        replace(part, values=np.ones((5, 1, 4, 2), np.float32), spec=spec)
        for part in (plain.attribution_of(key, episodes=[number]) for number in plain.numbers)
    ]
    explained = {
        key: Explained(plain.spec(key), [plain.attribution_of(key, episodes=[number]) for number in plain.numbers]),
        "gradient-window": Explained(spec, parts),
    }
    both = write_recording(tmp_path / "both", plain.header, list(plain), explained)
    assert lagged_key(both, None, None, None) == "gradient-window"
    assert lagged_key(both, None, None, 0) == key
    assert len(lags(both).get_xticklabels()) == 4


def test_a_stack_of_pictures_has_rows_of_regions(tmp_path):
    values = [np.random.default_rng(index).normal(size=(4, 1, 3, 8, 8)) for index in range(2)]
    pictures = Features((3, 8, 8), ("lag", "y", "x"))
    recording = example_recording(tmp_path / "r", values, features=pictures, unit="score", method="shapley")
    result = lag_shares(recording, recording.find())
    assert result.features[0] == "y0-1 x0-1"
    assert result.share.value.shape == (16, 3)
    size = np.abs(np.concatenate(values)[:, 0, 0, :2, :2].sum(axis=(1, 2))).mean()
    other = np.abs(np.concatenate(values)[:, 0, 2, 6:, 6:].sum(axis=(1, 2))).mean()
    assert result.share.value[0, 0] / result.share.value[-1, -1] == pytest.approx(size / other, rel=1e-4)
    check_plot(lags, recording)


def test_many_moments_have_fewer_names(tmp_path):
    values = [np.random.default_rng(0).normal(size=(4, 1, 30, 2))]
    axes = lags(example_recording(tmp_path / "r", values, features=MOMENT.windowed(30)))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[-1] == "now"
    assert len(labels) == 15
