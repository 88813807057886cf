"""Models whose network would be far larger than their file, or is none."""

import io
import json
import pickle

import gymnasium.spaces as spaces
import numpy as np
import pytest
import torch

NOT_MADE = r"not made|cannot be made|takes no|not as Stable|is not supported|not supported in a network"
REFUSED = "ModelError|UnsafeFileError|ArgumentError"


def packed(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kwargs",
    [
        {"net_arch": [10**6, 10**6]},
        {"net_arch": [2**40]},
        {"net_arch": [2**4000]},
        {"net_arch": [1] * 10**4},
        {"net_arch": [[1] * 10] * 100},
        {"net_arch": {"pi": [10**5, 10**5], "vf": [4]}},
        {"net_arch": {"pi": [4], "vf": [1] * 10**5}},
        {"net_arch": {str(number): [1] for number in range(10**4)}},
        {"net_arch": [4], "features_extractor_kwargs": {"features_dim": 10**9}},
        {"net_arch": "ab"},
        {"net_arch": [-1]},
        {"net_arch": [1e300]},
        {"net_arch": {"pi": {"pi": {"pi": [4]}}}},
        {"no_such_argument": 1},
        {"activation_fn": "torch.nn.ReLU"},
        {"features_extractor_class": "hostile.Extractor"},
        {"n_critics": 10**9},
    ],
    ids=lambda kwargs: json.dumps(kwargs)[:40],
)
def test_arguments_in_the_readable_part(members, with_data, write, harmless, kwargs):
    report = harmless(write(with_data(policy_kwargs=kwargs)))
    assert report["error"] in REFUSED.split("|")
    assert len(report["message"]) < 1500


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(10**9),
        spaces.Discrete(2**62),
        spaces.MultiDiscrete([10**9] * 3),
        spaces.MultiBinary(10**8),
        spaces.Discrete(3),
        spaces.Text(10),
        spaces.Graph(spaces.Discrete(3), None),
        spaces.Sequence(spaces.Discrete(2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("entry", ["action_space", "observation_space"])
def test_spaces_that_its_weights_do_not_fill(with_entry, write, harmless, space, entry):
    report = harmless(write(with_entry(entry, pickle.dumps(space))))
    assert report["error"] in REFUSED.split("|")
    assert "model.zip" in report["message"]


@pytest.mark.parametrize("depth", [5, 30, 80])
def test_spaces_within_spaces(with_entry, write, harmless, depth):
    space = spaces.Discrete(2)
    for _ in range(depth):
        space = spaces.Dict({"a": space})
    report = harmless(write(with_entry("observation_space", pickle.dumps(space))))
    assert report["error"] in REFUSED.split("|")


def test_a_space_of_many_parts(with_entry, write, harmless):
    space = spaces.Dict({str(number): spaces.Discrete(2) for number in range(3000)})
    assert harmless(write(with_entry("observation_space", pickle.dumps(space))))["error"] in REFUSED.split("|")


@pytest.mark.parametrize("bound", [np.nan, np.inf])
def test_a_box_with_odd_bounds(with_entry, write, harmless, bound):
    box = spaces.Box(-1, 1, (4,), np.float32)
    box.low[:] = bound
    assert harmless(write(with_entry("observation_space", pickle.dumps(box))), normalize=False)["memory"] < 2**26


@pytest.mark.parametrize("size", [10**12, 10**15])
def test_weights_far_larger_than_their_file(members, write, refused, size):
    weights = packed({"weight": torch.zeros(1).expand(size)})
    refused(write(members | {"policy.pth": weights}), "far larger than itself")


@pytest.mark.parametrize("shape", [(10**9, 10**9), (2**62, 2**62), (-1, 4)])
def test_tensors_that_claim_a_shape(members, write, harmless, shape):
    inner = packed({"weight": torch.zeros(7)})
    claimed = inner.replace(
        b"K\x07\x85", b"".join([b"\x8a\x08" + n.to_bytes(8, "little", signed=True) for n in shape]) + b"\x86"
    )
    assert claimed != inner
    report = harmless(write(members | {"policy.pth": claimed}))
    assert report["error"] in REFUSED.split("|")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(members, write, refused, value):
    weights = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    weights["action_net.bias"][0] = value
    refused(
        write(members | {"policy.pth": packed(weights)}),
        r"action_net\.bias holds NaN or infinity.*checkpoint",
        "ModelError",
    )


@pytest.mark.parametrize(
    "content",
    [{}, [], {"a": 1}, {3: torch.zeros(1)}, torch.zeros(3), {"\x1b[2J": torch.tensor([np.nan])}],
    ids=["nothing", "list", "number", "key", "tensor", "escape"],
)
def test_weights_that_are_none(members, write, refused, content):
    refused(write(members | {"policy.pth": packed(content)}), "weights|holds NaN", "ModelError|UnsafeFileError")


def test_weights_of_another_network(members, write, refused):
    weights = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    other = packed({f"other.{name}": value for name, value in weights.items()})
    refused(write(members | {"policy.pth": other}), "do not fit", "ModelError")


def test_a_great_many_weights(members, write, harmless):
    weights = {str(number): torch.zeros(1) for number in range(3000)}
    assert harmless(write(members | {"policy.pth": packed(weights)}))["error"] in REFUSED.split("|")


def test_a_policy_class_that_is_an_instance(with_entry, write, refused):
    content = b"\x80\x02cstable_baselines3.common.policies\nActorCriticPolicy\n)R."
    refused(write(with_entry("policy_class", content)), "policy_class is not a class", "ModelError")


@pytest.mark.parametrize(
    "name", ["BasePolicy", "BaseModel", "NoSuchPolicy", "get_policy_from_name", "ContinuousCritic"]
)
def test_a_class_of_the_library_that_is_no_policy(with_entry, write, harmless, name):
    content = f"cstable_baselines3.common.policies\n{name}\n.".encode()
    assert harmless(write(with_entry("policy_class", content)))["error"] in REFUSED.split("|")
