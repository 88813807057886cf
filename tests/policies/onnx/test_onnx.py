"""ONNX files as policies: what they compute, what their inputs and outputs are taken for, and what is refused."""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete
from onnx_files import GEMM, INT64, WEIGHTS, field, model, node, port, tensor
from torch import nn

import rltools
from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.onnx import inspection
from rltools.testing import check_policy

GOLDEN = Path(__file__).parents[2] / "golden" / "libraries" / "onnx"
ENV = "CartPole-v1"
RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(size=(5, 4)).astype(np.float32))


class Still(gymnasium.Env[Any, Any]):
    """An environment of given spaces in which nothing happens."""

    def __init__(self, observed: Any, acted: Any) -> None:
        self.observation_space, self.action_space = observed, acted

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self.observation_space.sample(), {}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., rltools.TorchPolicy]:
    def load(content: bytes, env: Any = ENV, **options: Any) -> Any:
        path = tmp_path / "policy.onnx"
        path.write_bytes(content)
        return rltools.load_policy(path, env, **options)

    return load


def logits(policy: Any, x: torch.Tensor = X) -> torch.Tensor:
    scores: torch.Tensor = policy.head(policy.heads[0], x, Context())
    return scores


PLAIN = X @ torch.tensor(WEIGHTS["w"]).float() + torch.tensor(WEIGHTS["b"]).float()


@pytest.mark.parametrize("name", ["sb3_ppo", "sb3_ppo_older_exporter"])
def test_a_chain_of_layers_becomes_modules_with_a_gradient_of_their_own(name: str) -> None:
    policy = rltools.load_policy(GOLDEN / name, ENV)
    assert isinstance(policy.module, nn.ModuleDict)
    assert [type(layer) for layer in policy.module["logit"]] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    x = X.clone().requires_grad_()
    for head in ("logit", "value"):
        output = policy.head(head, x, Context())
        result = policy.vjp(head, X, Context())
        assert result is not None
        torch.testing.assert_close(result[0], output)
        torch.testing.assert_close(
            result[1](torch.ones_like(output)), torch.autograd.grad(output.sum(), x, retain_graph=True)[0]
        )


def test_a_product_and_a_sum_are_a_linear_layer(load: Callable[..., Any]) -> None:
    for nodes in (
        [node("MatMul", ["obs", "w"], ["p"]), node("Add", ["p", "b"], ["logits"])],
        [node("MatMul", ["obs", "w"], ["p"]), node("Add", ["b", "p"], ["logits"])],
        [GEMM],
    ):
        policy = load(model(nodes, WEIGHTS))
        assert [type(layer) for layer in policy.module["logit"]] == [nn.Linear]
        torch.testing.assert_close(logits(policy), PLAIN)


def test_layers_that_heads_share_are_the_same_modules(load: Callable[..., Any]) -> None:
    nodes = [
        node("Gemm", ["obs", "w", "b"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Identity", ["r"], ["logits"]),
        node("Gemm", ["r", "v"], ["value"]),
    ]
    outputs = [port("logits", ["n", 2]), port("value", ["n", 1])]
    policy = load(model(nodes, WEIGHTS | {"v": np.ones((2, 1))}, outputs=outputs))
    assert policy.heads == ("logit", "value")
    assert policy.module["logit"][0] is policy.module["value"][0]
    assert len([*policy.module.parameters()]) == 3


def test_a_reshape_that_is_no_flattening_is_computed_as_it_is(load: Callable[..., Any]) -> None:
    """A chain is compared with the graph before it is used."""
    nodes = [
        node("Reshape", ["obs", "s"], ["r"]),
        node("Gemm", ["r", "k", "b"], ["m"]),
        node("Reshape", ["m", "t"], ["logits"]),
    ]
    constants = {"s": np.array([-1, 2]), "k": np.eye(2)[:, :1], "b": np.zeros(1), "t": np.array([-1, 2])}
    policy = load(model(nodes, constants))
    torch.testing.assert_close(logits(policy), X[:, ::2])
    assert policy.vjp("logit", X, Context()) is None


def test_a_graph_of_one_row_is_computed_row_by_row(load: Callable[..., Any]) -> None:
    nodes = [node("Reshape", ["obs", "s"], ["r"]), node("Sin", ["r"], ["t"]), node("Gemm", ["t", "w", "b"], ["logits"])]
    content = model(
        nodes, WEIGHTS | {"s": np.array([1, 4])}, inputs=[port("obs", [1, 4])], outputs=[port("logits", [1, 2])]
    )
    policy = load(content)
    expected = torch.sin(X) @ torch.tensor(WEIGHTS["w"]).float() + torch.tensor(WEIGHTS["b"]).float()
    torch.testing.assert_close(logits(policy), expected)
    assert any("one observation at a time" in note for note in policy.source.notes)
    check_policy(policy, ENV)


def clipped() -> list[bytes]:
    return [node("Clip", ["a"], ["logits"], min=-0.25, max=0.25)]


def softmax_of_all_later_axes() -> list[bytes]:
    wide = node("Unsqueeze", ["a"], ["u"], axes=[2])
    return [wide, node("Softmax", ["u"], ["s"], axis=1), node("Squeeze", ["s"], ["logits"], axes=[2])]


def summed() -> list[bytes]:
    return [node("ReduceSum", ["a"], ["s"], axes=[1], keepdims=1), node("Sub", ["a", "s"], ["logits"])]


def sliced() -> list[bytes]:
    return [node("Slice", ["a"], ["s"], starts=[0], ends=[1], axes=[1]), node("Add", ["a", "s"], ["logits"])]


def divided() -> list[bytes]:
    halves = node("Split", ["a"], ["l", "r"], axis=1, split=[1, 1])
    return [halves, node("Concat", ["r", "l"], ["logits"], axis=1)]


def padded() -> list[bytes]:
    wider = node("Pad", ["a"], ["p"], pads=[0, 1, 0, 0], value=3.0)
    return [wider, node("Slice", ["p"], ["logits"], starts=[0], ends=[2], axes=[1])]


def dropped() -> list[bytes]:
    return [node("Dropout", ["a"], ["logits"], ratio=0.5)]


OLDER: dict[str, tuple[int, list[bytes], Callable[[torch.Tensor], torch.Tensor]]] = {
    "Clip": (6, clipped(), lambda y: y.clamp(-0.25, 0.25)),
    "Softmax": (11, softmax_of_all_later_axes(), lambda y: y.softmax(1)),
    "ReduceSum": (11, summed(), lambda y: y - y.sum(1, keepdim=True)),
    "Slice": (9, sliced(), lambda y: y + y[:, :1]),
    "Split": (11, divided(), lambda y: y.flip(1)),
    "Pad": (10, padded(), lambda y: torch.cat([torch.full((len(y), 1), 3.0), y[:, :1]], 1)),
    "Dropout": (7, dropped(), lambda y: y),
}


@pytest.mark.parametrize("name", OLDER)
def test_settings_of_older_versions(name: str, load: Callable[..., Any]) -> None:
    version, nodes, expected = OLDER[name]
    first = node("Gemm", ["obs", "w", "b"], ["a"])
    policy = load(model([first, *nodes], WEIGHTS, version=version))
    torch.testing.assert_close(logits(policy), expected(PLAIN))


def test_the_head_of_an_output_without_a_telling_name_is_a_caveat(load: Callable[..., Any]) -> None:
    content = model([GEMM, node("Identity", ["logits"], ["y"])], WEIGHTS, outputs=[port("y", ["n", 2])])
    policy = load(content)
    assert policy.heads == ("logit",)
    assert "its output y was taken for the logit head, which the file does not say" in policy.source.notes
    policy = load(content, head="q_value")
    assert (policy.heads, policy.source.notes) == (("q_value",), ())
    box = Still(Box(-1, 1, (4,), np.float32), Box(-1, 1, (2,), np.float32))
    assert load(content, lambda: box).heads == ("action",)
    assert load(content, lambda: box, head="mean").heads == ("mean",)


@pytest.mark.parametrize(
    ("head", "env", "match"),
    [
        ("mean", ENV, "give 'logit' or 'q_value' for Discrete actions"),
        ("probability", ENV, "head is 'probability'"),
        ("logit", "Pendulum-v1", "give 'mean' or 'action' for Box actions"),
    ],
)
def test_heads_that_there_are_not(head: str, env: str, match: str, load: Callable[..., Any]) -> None:
    size = 4 if env == ENV else 3
    weights = {"w": np.ones((size, 2 if env == ENV else 1))}
    content = model([node("MatMul", ["obs", "w"], ["y"])], weights, [port("obs", ["n", size])], [port("y", ["n", 1])])
    with pytest.raises(ArgumentError, match=match):
        load(content, env, head=head)


def test_outputs_that_are_not_clear_are_listed(load: Callable[..., Any]) -> None:
    nodes = [GEMM, node("Tanh", ["logits"], ["a"]), node("Sin", ["logits"], ["b2"])]
    content = model(nodes, WEIGHTS, outputs=[port("a", ["n", 2]), port("b2", ["n", 2])])
    with pytest.raises(ModelError, match=r"the outputs a \[n, 2\], b2 \[n, 2\], and it is not clear .* head=logit:a"):
        load(content)
    torch.testing.assert_close(logits(load(content, head="logit:b2")), torch.sin(PLAIN))
    torch.testing.assert_close(logits(load(content, head="q_value:logits")), PLAIN)
    with pytest.raises(ModelError, match="has no value 'c'"):
        load(content, head="logit:c")


def test_an_action_that_was_chosen_already_names_what_it_was_chosen_by(load: Callable[..., Any]) -> None:
    nodes = [
        node("Gemm", ["obs", "w", "b"], ["z"]),
        node("ArgMax", ["z"], ["i"], axis=1),
        node("Cast", ["i"], ["actions"], to=7),
    ]
    content = model(nodes, WEIGHTS, outputs=[port("actions", ["n"], INT64)])
    with pytest.raises(ModelError, match=r"chosen already, which have no gradient; .* head=logit:z$"):
        load(content)
    torch.testing.assert_close(logits(load(content, head="logit:z")), PLAIN)


def test_only_what_the_scores_need_has_to_be_supported(load: Callable[..., Any]) -> None:
    nodes = [GEMM, node("Multinomial", ["logits"], ["sample"]), node("Loop", ["logits"], ["looped"])]
    outputs = [port("logits", ["n", 2]), port("sample", ["n"], INT64)]
    torch.testing.assert_close(logits(load(model(nodes, WEIGHTS, outputs=outputs))), PLAIN)
    with pytest.raises(ModelError, match="1 ONNX operator without support here: Loop; export the part"):
        load(model(nodes, WEIGHTS, outputs=[port("looped", ["n", 2])]))


def test_images_are_passed_as_the_graph_wants_them(load: Callable[..., Any]) -> None:
    image = Box(0, 255, (6, 5, 3), np.uint8)
    env = Still(image, Discrete(2))
    kernel = RNG.normal(size=(2, 3, 3, 3))
    nodes = [
        node("Div", ["obs", "scale"], ["small"]),
        node("Conv", ["small", "k"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 1]),
        node("GlobalAveragePool", ["c"], ["p"]),
        node("Flatten", ["p"], ["logits"]),
    ]
    constants = {"scale": np.array(255.0), "k": kernel}
    x = torch.randint(0, 256, (4, 6, 5, 3)).float()
    weight = torch.tensor(kernel).float()
    expected = torch.conv2d(x.permute(0, 3, 1, 2) / 255, weight, stride=(2, 1), padding=1).mean((2, 3))
    policy = load(model(nodes, constants, [port("obs", ["n", 3, 6, 5])]), lambda: env)
    torch.testing.assert_close(logits(policy, x), expected)
    flat = model([node("MatMul", ["obs", "k"], ["logits"])], {"k": np.ones((90, 2))}, [port("obs", ["n", 90])])
    torch.testing.assert_close(logits(load(flat, lambda: env), x)[:, 0], x.flatten(1).sum(1))


def test_parts_of_a_dict_are_inputs_by_name(load: Callable[..., Any]) -> None:
    space = Dict(speed=Box(-1, 1, (2,), np.float32), arm=Box(-1, 1, (2,), np.float32))
    nodes = [node("Concat", ["speed", "arm"], ["obs"], axis=1), GEMM]
    content = model(nodes, WEIGHTS, [port("speed", ["n", 2]), port("arm", ["n", 2])])
    policy = load(content, lambda: Still(space, Discrete(2)))
    row = {"speed": np.array([[0.1, 0.2]], np.float32), "arm": np.array([[0.3, 0.4]], np.float32)}
    expected = np.array([[0.1, 0.2, 0.3, 0.4]]) @ WEIGHTS["w"] + WEIGHTS["b"]
    np.testing.assert_allclose(policy.act(row, Context()).scores, expected, rtol=1e-6)
    with pytest.raises(MismatchError, match="observation has the parts leg, arm; export the network with an input"):
        load(content, lambda: Still(Dict(leg=space["arm"], arm=space["arm"]), Discrete(2)))


def test_inputs_that_nothing_is_known_of(load: Callable[..., Any]) -> None:
    more = [port("obs", ["n", 4]), port("mask", ["n", 2])]
    nodes = [node("Gemm", ["obs", "w", "b"], ["a"]), node("Add", ["a", "mask"], ["logits"])]
    with pytest.raises(ModelError, match=r"its input mask \[n, 2\] is neither an observation nor a recurrent state"):
        load(model(nodes, WEIGHTS, more))
    with pytest.raises(
        MismatchError, match=r"inputs obs \[n, 9\], and none of them may take an observation of shape \[4\]"
    ):
        load(model([GEMM], WEIGHTS, [port("obs", ["n", 9])]))


@pytest.mark.parametrize("case", ["lstm", "gru_of_keras"])
def test_a_memory_is_a_recurrent_state(case: str) -> None:
    policy = rltools.load_policy(GOLDEN / case, "Pendulum-v1")
    assert policy.state_size == (12 if case == "lstm" else 6)
    check_policy(policy, "Pendulum-v1")
    recording = rltools.record(policy, episodes=1, max_steps=5)
    assert len(rltools.explain(recording, policy, method="gradient").episode(0).rewards) == 5


def test_weights_beside_the_file_count(tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(GOLDEN / "sb3_ppo_weights_beside", folder)
    first = rltools.load_policy(folder / "model.onnx", ENV)
    weights = folder / "model.onnx.data"
    content = bytearray(weights.read_bytes())
    content[2] ^= 1
    weights.write_bytes(content)
    second = rltools.load_policy(folder / "model.onnx", ENV)
    assert first.source.sha256 != second.source.sha256
    weights.unlink()
    with pytest.raises(ModelError, match=r"keeps its weights in 'model\.onnx\.data', which is not beside it; put"):
        rltools.load_policy(folder / "model.onnx", ENV)


def test_what_a_graph_says_itself_is_not_given(load: Callable[..., Any]) -> None:
    content = model([GEMM], WEIGHTS)
    for option, value in (("activation", "tanh"), ("layout", "cleanrl"), ("strides", [4, 2])):
        with pytest.raises(ArgumentError, match=f"describes its own network; give no {option}="):
            load(content, **{option: value})
    with pytest.raises(ArgumentError, match="give the environment it was trained in as env="):
        load(content, None)


def test_statistics_beside_a_network(load: Callable[..., Any]) -> None:
    content = model([GEMM], WEIGHTS)
    mean, var = np.array([0.1, -0.2, 0.3, 0.4]), np.array([4.0, 1.0, 0.25, 9.0])
    policy = load(content, normalize={"mean": mean, "var": var, "epsilon": 0.0})
    scaled = (X - torch.tensor(mean).float()) / torch.tensor(var).float().sqrt()
    expected = scaled @ torch.tensor(WEIGHTS["w"]).float() + torch.tensor(WEIGHTS["b"]).float()
    torch.testing.assert_close(logits(policy), expected)
    assert policy.source.sha256 != load(content).source.sha256
    assert policy.vjp("logit", X, Context()) is not None
    check_policy(policy, ENV)


def test_copies_and_dtypes(load: Callable[..., Any]) -> None:
    nodes = [GEMM, node("Cast", ["logits"], ["c"], to=1), node("Sin", ["c"], ["y"])]
    content = model(nodes, WEIGHTS, outputs=[port("y", ["n", 2])])
    policy = load(content, name="sines")
    for other in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):
        torch.testing.assert_close(logits(other), logits(policy))
        assert other.source == policy.source
    double = load(content, dtype=torch.float64)
    assert logits(double, X.double()).dtype is torch.float64
    torch.testing.assert_close(logits(double, X.double()).float(), logits(policy))
    assert policy.source.library == "ONNX"
    check_policy(policy, ENV)


def test_narrow_numbers_are_widened(load: Callable[..., Any]) -> None:
    half = WEIGHTS["w"].astype(np.float16)
    weight = tensor(WEIGHTS["w"], "w", kind=10, raw=half.tobytes())
    policy = load(model([GEMM], WEIGHTS | {"w": weight}))
    torch.testing.assert_close(logits(policy), PLAIN)
    numbers = b"".join(np.float32(value).tobytes() for value in WEIGHTS["w"].ravel())
    listed = tensor(WEIGHTS["w"], "w", raw=None, more=field(4, numbers))
    torch.testing.assert_close(logits(load(model([GEMM], WEIGHTS | {"w": listed}))), PLAIN)


def test_a_folder_with_one_network(tmp_path: Path) -> None:
    (tmp_path / "policy.onnx").write_bytes(model([GEMM], WEIGHTS))
    (tmp_path / "config.json").write_text("{}")
    assert rltools.load_policy(tmp_path, ENV).source.name == f"{tmp_path.name}-policy"
    (tmp_path / "other.onnx").write_bytes(model([GEMM], WEIGHTS))
    with pytest.raises(ArgumentError):
        rltools.load_policy(tmp_path, ENV)


def test_inspection() -> None:
    rows = dict(inspection(GOLDEN / "lstm"))
    assert rows["network"].startswith("ONNX, written by pytorch")
    assert rows["inputs"].startswith("obs [")
    assert rows["outputs"].startswith("actions [")
    assert "LSTM" in rows["operators"]
    assert rows["parameters"] == "335"
    assert len(rows["sha256"]) == 64
