"""A summary at each level: the magnitude of the sum of signed values, by hand; and which level leads."""

import numpy as np
import pytest

from rltools.errors import ArgumentError
from rltools.spaces import Features
from rltools.spaces.layout import Objects
from rltools.spaces.leaves import Leaf
from rltools.summary import Finding, find_memory, summarize, with_memory
from rltools.summary.finding import number_of
from rltools.testing import example_recording

GEAR = Leaf(("gear",), "choice", (), "int64", (3,), (0,))
POSE = Leaf(("pose",), "number", (2,), "float32")
NESTED = Features((5,), ("feature",), leaves=(GEAR, POSE))


def nested(tmp_path, values):
    observations = [
        {"gear": np.zeros(len(each), np.int64), "pose": np.ones((len(each), 2), np.float32)} for each in values
    ]
    options = {"features": NESTED, "observations": observations, "method": "shapley", "unit": "score"}
    return example_recording(tmp_path / "run", values, **options)


def image(tmp_path, values, observed, **options):
    features = Features(
        values[0].shape[2:],
        ("y", "x", "channel"),
        channels=(("type", "state"),),
        objects=(Objects("type", ("empty", "wall", "goal")),),
    )
    options = {"features": features, "observations": observed, "method": "occlusion", "unit": "score"} | options
    return example_recording(tmp_path / "run", values, **options)


def drawn(*shape, count=4, steps=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(steps, 1, *shape)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize(
    ("detail", "groups"),
    [
        ("variables", {"gear": [0, 1, 2], "pose": [3, 4]}),
        ("regions", {"gear": [0, 1, 2], "pose/0": [3], "pose/1": [4]}),
        ("elements", {"gear=0": [0], "gear=1": [1], "gear=2": [2], "pose/0": [3], "pose/1": [4]}),
    ],
)
def test_the_mean_magnitude_of_sums_over_each_row(tmp_path, detail, groups):
    values = drawn(5)
    summary = summarize(nested(tmp_path, values), detail=detail)
    joined = np.concatenate(values)[:, 0].astype(float)
    sizes = np.array([np.abs(joined[:, elements].sum(axis=1)).mean() for elements in groups.values()])
    assert summary.features == tuple(groups)
    assert [elements.tolist() for elements in summary.elements] == list(groups.values())
    assert summary.overall.mean_absolute.value[0] == pytest.approx(sizes, rel=1e-5)
    assert summary.overall.pooled_share.value == pytest.approx(sizes / sizes.sum(), rel=1e-5)
    signed = [joined[:, elements].sum(axis=1).mean() for elements in groups.values()]
    assert summary.overall.mean.value[0] == pytest.approx(signed, rel=1e-4, abs=1e-6)


def test_signs_cancel_inside_a_variable(tmp_path):
    values = [np.tile(np.array([0, 0, 1.0, 5, -5]), (4, 1, 1)) for _ in range(3)]
    summary = summarize(nested(tmp_path, values))
    assert [(each.feature, each.share) for each in summary.top()] == [("gear", 1), ("pose", 0)]


def test_objects_by_hand(tmp_path):
    rng = np.random.default_rng(0)
    values = drawn(3, 3, 2, count=2)
    observed = [rng.integers(0, 4, (6, 3, 3, 2)).astype(np.uint8) for _ in values]  # 3 has no name
    summary = summarize(image(tmp_path, values, observed), detail="objects")
    cells, types = np.concatenate(values)[:, 0].astype(float).sum(axis=-1), np.concatenate(observed)[..., 0]
    sizes = [np.abs(np.where(types == kind, cells, 0).sum(axis=(1, 2))).mean() for kind in range(4)]
    assert summary.features == ("empty", "wall", "goal", "other cells")
    assert summary.overall.mean_absolute.value[0] == pytest.approx(sizes, rel=1e-5)
    assert summary.noun == "kind of object"


def test_objects_are_standardized_by_each_element(tmp_path):
    rng = np.random.default_rng(1)
    values = drawn(2, 2, 2, count=2)
    observed = [rng.integers(0, 3, (6, 2, 2, 2)).astype(np.uint8) for _ in values]
    recording = image(tmp_path, values, observed, method="gradient", unit="score per unit")
    summary = summarize(recording, detail="objects")
    std = np.concatenate(observed).astype(float).std(axis=0)
    cells = (np.concatenate(values)[:, 0].astype(float) * std).sum(axis=-1)
    types = np.concatenate(observed)[..., 0]
    sizes = [np.abs(np.where(types == kind, cells, 0).sum(axis=(1, 2))).mean() for kind in range(3)]
    assert summary.overall.standardized_mean_absolute.value[0, :3] == pytest.approx(sizes, rel=1e-5)


def test_the_finding_by_objects(tmp_path):
    types = np.array([[0, 1], [2, 1]])
    strength = np.array([[0.0, 1], [6, 1]])
    values = [np.tile(strength[..., None] / 2, (5, 1, 1, 1, 2)) for _ in range(6)]
    observed = [np.tile(np.stack([types, types], axis=-1), (5, 1, 1, 1)).astype(np.uint8) for _ in values]
    summary = summarize(image(tmp_path, values, observed))
    (by_object,) = (finding for finding in summary.findings if finding.kind == "objects")
    assert [(each.feature, each.share) for each in by_object.subjects] == [("goal", 0.75), ("wall", 0.25)]
    assert by_object.leaders == 1
    assert str(by_object).startswith("By what is in the cells: goal 75 %")


def test_no_objects_without_a_card(tmp_path):
    recording = example_recording(tmp_path / "run", drawn(2, 2))
    with pytest.raises(ArgumentError, match=r"detail is 'objects', and the observation of .* has no image of objects"):
        summarize(recording, detail="objects")
    with pytest.raises(ArgumentError, match="detail is 'pixels'; it must be 'variables', 'regions', 'elements' or"):
        summarize(recording, detail="pixels")


def test_the_coarsest_certain_level_leads(tmp_path):
    first = [np.tile([3.0, 0, 0, 1, 0.5], (5, 1, 1)) for _ in range(6)]
    lead, following, inside, *_ = summarize(nested(tmp_path / "certain", first)).findings
    assert (lead.kind, lead.subjects[0].feature, lead.leaders) == ("lead", "gear", 1)
    assert (following.kind, following.subjects[0].feature) == ("next", "pose")
    assert (inside.kind, inside.part, inside.subjects[0].feature) == ("inside", "pose", "pose/0")
    # Between gear and pose the episodes are divided; of what is inside, one is always larger than each other one.
    divided = [np.tile([gear, 0, 0, 9.0, -7], (5, 1, 1)) for gear in (1, 3, 1, 3, 1, 3)]
    lead, *others = summarize(nested(tmp_path / "divided", divided)).findings
    assert (lead.subjects[0].feature, lead.leaders) == ("pose/0", 1)
    tied = [finding for finding in others if finding.kind == "lead"]
    assert [(each.leaders, {ranked.feature for ranked in each.subjects}) for each in tied] == [(2, {"gear", "pose"})]


def test_where_no_region_leads_it_says_so(tmp_path):
    values = [np.ones((5, 1, 4, 4)) for _ in range(4)]
    summary = summarize(example_recording(tmp_path / "run", values, unit="score"))
    first = summary.findings[0]
    assert (first.kind, first.leaders, first.noun) == ("lead", 16, "region")
    assert str(first).startswith("No region leads: y0 x0 ")
    assert "13 more cannot be told apart" in str(first)


def test_with_one_variable_there_is_nothing_to_rank(tmp_path):
    leaf = Leaf((), "choice", (), "int64", (3,), (0,))
    features = Features((3,), leaves=(leaf,), choices=("cell",))
    observed = [np.array([0, 1, 2, 1])] * 3
    values = [np.eye(3)[each][:, None] for each in observed]
    summary = summarize(
        example_recording(tmp_path / "run", values, features=features, observations=observed, unit="score")
    )
    first, *others = summary.findings
    assert (first.kind, [each.feature for each in first.subjects]) == ("single", ["cell"])
    assert str(first).startswith("cell is the only variable, so there is nothing to rank")
    assert not {"lead", "by_action", "targets_apart"} & {finding.kind for finding in others}


def memory(value, low, high):
    return Finding("memory", (number_of("the past", value, low, high),), n=8)


@pytest.mark.parametrize(
    ("ends", "order"),
    [
        ((0.7, 0.6, 0.8), "memory lead next"),
        ((0.1, 0.0, 0.2), "memory lead next"),
        ((0.6, 0.4, 0.8), "lead memory next"),
    ],
)
def test_memory_comes_first_where_it_is_certain(ends, order):
    findings = with_memory([memory(*ends)], [Finding("lead"), Finding("next")])
    assert [finding.kind for finding in findings] == order.split()
    assert findings[order.split().index("lead")].moment == order.startswith("memory")
    assert with_memory([], [Finding("lead")]) == (Finding("lead"),)


def test_a_recording_without_windows_says_nothing_about_memory(tmp_path):
    recording = example_recording(tmp_path / "run", drawn(2))
    assert list(find_memory(recording, [summarize(recording)])) == []
