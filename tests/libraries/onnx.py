# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "onnx==1.23.2",
#     "onnxruntime==1.32.0",
#     "onnxscript==0.7.2",
#     "stable-baselines3>=2.7",
#     "gymnasium[classic-control]>=1.2,<2",
#     "torch",
#     "numpy",
# ]
# ///
"""ONNX: agents of Stable-Baselines3 by both exporters of PyTorch, convolutions, memories, and graphs made by hand.

What is expected is what onnxruntime computes. Names of files and lines, which the exporter writes into nodes, are
removed, as `onnx.helper` has it, so that the cases say nothing of the machine that made them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from library_cases import write_case
from onnx import TensorProto, helper, numpy_helper
from stable_baselines3 import PPO, SAC
from torch import Tensor, nn

ROWS, STEPS = 6, 4
BATCH = torch.export.Dim("batch", min=1, max=4096)


class Scores(nn.Module):
    """The logits and the value of a PPO of Stable-Baselines3."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.extractor, self.actor, self.critic = policy.mlp_extractor, policy.action_net, policy.value_net

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """`obs [batch, feature]` -> logits and value."""
        for_actor, for_critic = self.extractor(obs)
        return self.actor(for_actor), self.critic(for_critic)


class Actions(nn.Module):
    """The deterministic actions of a SAC of Stable-Baselines3, in the bounds of Pendulum."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.latent, self.mu = policy.actor.latent_pi, policy.actor.mu

    def forward(self, obs: Tensor) -> Tensor:
        """`obs [batch, feature]` -> actions."""
        return 2.0 * torch.tanh(self.mu(self.latent(obs)))


class Pixels(nn.Module):
    """The network of DQN's paper, with few channels, for images with the channels first."""

    def __init__(self, channels: int, size: int, outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 4, 8, 4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 4, 2),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        width = self.convolutions(torch.zeros(1, channels, size, size)).shape[1]
        self.head = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, outputs))

    def forward(self, obs: Tensor) -> Tensor:
        """`obs [batch, channel, y, x]` in 0..255 -> means."""
        mean: Tensor = self.head(self.convolutions(obs / 255.0))
        return mean


class Remembering(nn.Module):
    """A normalizer, a recurrent layer and an MLP with ELU, as RSL-RL exports them."""

    def __init__(self, layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor([0.1, -0.2, 0.5]))
        self.register_buffer("scale", torch.tensor([0.7, 0.7, 3.0]))
        self.memory = layer(3, 6)
        self.head = nn.Sequential(nn.Linear(6, 8), nn.ELU(), nn.Linear(8, 1))

    def forward(self, obs: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """`obs [batch, feature]` and states `[1, batch, 6]` -> means and the next states."""
        x = ((obs - self.offset) / (self.scale + 1e-2)).unsqueeze(0)
        y, after = self.memory(x, states if len(states) > 1 else states[0])
        return self.head(y.squeeze(0)), *(after if isinstance(after, tuple) else (after,))


class Lstm(Remembering):
    """With an LSTM."""

    def __init__(self) -> None:
        super().__init__(nn.LSTM)

    def forward(self, obs: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, ...]:
        """See `Remembering`."""
        return super().forward(obs, h_in, c_in)


class Gru(Remembering):
    """With a GRU."""

    def __init__(self) -> None:
        super().__init__(nn.GRU)

    def forward(self, obs: Tensor, h_in: Tensor) -> tuple[Tensor, ...]:
        """See `Remembering`."""
        return super().forward(obs, h_in)


def main(out: Path) -> None:
    """Write all cases into `out`."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    poles, pendulums = (rng.normal(size=(ROWS, size)).astype(np.float32) for size in (4, 3))
    settings: dict[str, Any] = {"seed": 0, "policy_kwargs": {"net_arch": [8, 8]}, "device": "cpu"}
    ppo = PPO("MlpPolicy", "CartPole-v1", n_steps=128, **settings).learn(256)
    sac = SAC("MlpPolicy", "Pendulum-v1", learning_starts=50, **settings)
    sac.learn(200)
    scores = Scores(ppo.policy).eval()
    for name, modern in (("sb3_ppo", True), ("sb3_ppo_older_exporter", False)):
        path = export(out / name, scores, [torch.zeros(1, 4)], ["logits", "value"], modern=modern)
        finish(path, "CartPole-v1", "logit", poles)
    path = export(out / "sb3_ppo_weights_beside", scores, [torch.zeros(1, 4)], ["logits", "value"], modern=True)
    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    finish(path, "CartPole-v1", "logit", poles)
    path = export(out / "sb3_sac", Actions(sac.policy).eval(), [torch.zeros(1, 3)], ["actions"], modern=True)
    finish(path, "Pendulum-v1", "action", pendulums)
    path = export(out / "convolutions", Pixels(3, 96, 3).eval(), [torch.zeros(1, 3, 96, 96)], ["mean"], modern=True)
    finish(path, "CarRacing-v3", "mean", pictures())
    for name, network, modern in (("lstm", Lstm(), True), ("lstm_older_exporter", Lstm(), False), ("gru", Gru(), True)):
        states = [torch.zeros(1, 1, 6) for _ in range(1 if name == "gru" else 2)]
        outputs = ["actions", "h_out", "c_out"][: 1 + len(states)]
        path = export(out / name, network.eval(), [torch.zeros(1, 3), *states], outputs, modern=modern)
        finish(path, "Pendulum-v1", "action", rng.normal(size=(STEPS, ROWS, 3)).astype(np.float32))
    inputs, outputs = [torch.zeros(1, 3), torch.zeros(1, 1, 6), torch.zeros(1, 1, 6)], ["actions", "h_out", "c_out"]
    path = export(out / "lstm_of_one_row", Lstm().eval(), inputs, outputs, modern=False, fixed=True)
    finish(path, "Pendulum-v1", "action", rng.normal(size=(STEPS, 1, 3)).astype(np.float32))
    sequence = rng.normal(size=(STEPS, ROWS, 3)).astype(np.float32)
    finish(save(out / "gru_of_keras", gru_of_keras(rng)), "Pendulum-v1", "mean", sequence)
    finish(save(out / "operators", operators(rng)), "Pendulum-v1", "mean", pendulums)


def pictures() -> np.ndarray:
    """A few images that are small when they are compressed."""
    y, x, channel = np.indices((96, 96, 3))
    return np.stack([30 * (x // 16 + row) % 256 + 20 * channel for row in range(3)]).astype(np.uint8) + (y > 40).astype(
        np.uint8
    )


def export(
    folder: Path, network: nn.Module, inputs: Sequence[Tensor], outputs: list[str], *, modern: bool, fixed: bool = False
) -> Path:
    """Export a network by one of PyTorch's exporters, for batches of any size unless they are fixed."""
    folder.mkdir(parents=True)
    path, names = folder / "model.onnx", ["obs", "h_in", "c_in"][: len(inputs)]
    axes = [1 if value.ndim == 3 else 0 for value in inputs]
    options: dict[str, Any] = {"dynamo": modern, "input_names": names, "output_names": outputs}
    if modern:
        inputs = [value.repeat_interleave(2, axis) for value, axis in zip(inputs, axes, strict=True)]
        options |= {"external_data": False, "verbose": False, "dynamic_shapes": tuple({axis: BATCH} for axis in axes)}
    elif not fixed:
        options["dynamic_axes"] = {name: {axis: "batch"} for name, axis in zip(names, axes, strict=True)}
    torch.onnx.export(network, tuple(inputs), str(path), **options)
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:], model.graph.metadata_props[:]
    onnx.save_model(model, path)
    return path


def save(folder: Path, graph: Any) -> Path:
    """Save a graph that was made by hand."""
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="by hand")
    onnx.checker.check_model(model)
    onnx.save_model(model, folder / "model.onnx")
    return folder / "model.onnx"


def finish(path: Path, env: str, head: str, observations: np.ndarray) -> None:
    """Write what onnxruntime computes for some observations, of a recurrent network step by step."""
    session = onnxruntime.InferenceSession(str(path))
    names, recurrent = [port.name for port in session.get_inputs()], observations.ndim == 3 and env == "Pendulum-v1"
    outputs = [port.name for port in session.get_outputs()]
    state: dict[str, np.ndarray] = {}
    if recurrent:
        state = {name: np.zeros((1, observations.shape[1], 6), np.float32) for name in names[1:]}
    results = []
    for seen in observations if recurrent else observations[None]:
        x = seen.transpose(0, 3, 1, 2) if seen.ndim == 4 else seen
        results.append(dict(zip(outputs, session.run(None, {names[0]: x.astype(np.float32)} | state), strict=True)))
        state = dict(zip(names[1:], [results[-1][name] for name in outputs[1:]], strict=True)) if recurrent else {}
    stacked = {name: np.stack([result[name] for result in results]) for name in (outputs[0], *({"value"} & {*outputs}))}
    arrays = {name: array if recurrent else array[0] for name, array in stacked.items()}
    scores = arrays[outputs[0]]
    low, high = {"Pendulum-v1": (-2, 2), "CarRacing-v3": ([-1, 0, 0], 1)}.get(env, (None, None))
    write_case(
        path.parent,
        library="onnx",
        version=version("onnx"),
        file=path.name,
        layout=None,
        head=head,
        env=env,
        observations=observations,
        scores=scores,
        actions=scores.argmax(-1) if low is None else np.clip(scores, low, high),
        value=arrays["value"][:, 0] if "value" in arrays else None,
        synthetic=not path.parent.name.startswith("sb3"),
    )


def gru_of_keras(rng: np.random.Generator) -> Any:
    """A GRU that resets its state before the product, as Keras has it and PyTorch has not."""
    weights = {
        "w": rng.normal(size=(1, 18, 3)),
        "r": rng.normal(size=(1, 18, 6)),
        "b": rng.normal(size=(1, 36)),
        "head": rng.normal(size=(6, 1)),
        "axis": np.array([0]),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["obs", "axis"], ["sequence"]),
        helper.make_node("GRU", ["sequence", "w", "r", "b", "", "h_in"], ["", "h_out"], hidden_size=6),
        helper.make_node("Squeeze", ["h_out", "axis"], ["last"]),
        helper.make_node("MatMul", ["last", "head"], ["mean"]),
    ]
    ports = [port("obs", ["batch", 3]), port("h_in", [1, "batch", 6])]
    return graph(nodes, ports, [port("mean", ["batch", 1]), port("h_out", [1, "batch", 6])], weights)


def operators(rng: np.random.Generator) -> Any:
    """A network of many operators that exports of policies use, from 3 features to a mean."""
    weights = {
        "w1": rng.normal(size=(3, 8)),
        "b1": rng.normal(size=8),
        "scale": rng.normal(size=8),
        "shift": rng.normal(size=8),
        "mean8": rng.normal(size=8),
        "var8": rng.uniform(0.5, 2, size=8),
        "kernel": rng.normal(size=(4, 1, 3)) / 3,
        "w2": rng.normal(size=(1, 15)) / 4,
        "half": np.array(0.5),
        "two": np.array(2.0),
        "low": np.array(-3.0),
        "high": np.array(3.0),
        "axis1": np.array([1]),
        "axis2": np.array([2]),
        "index": np.array([0, 2, -1]),
        "starts": np.array([1]),
        "ends": np.array([7]),
        "shape": np.array([0, -1]),
        "zero": np.array(0.0),
    }
    make = helper.make_node
    nodes = [
        make("MatMul", ["obs", "w1"], ["a0"]),
        make("Add", ["a0", "b1"], ["a1"]),
        make("LayerNormalization", ["a1", "scale", "shift"], ["a2"]),
        make("BatchNormalization", ["a2", "scale", "shift", "mean8", "var8"], ["a3"]),
        make("LeakyRelu", ["a3"], ["a4"], alpha=0.2),
        make("Elu", ["a4"], ["a5"]),
        make("Selu", ["a5"], ["a6"]),
        make("Softplus", ["a6"], ["a7"]),
        make("Softsign", ["a7"], ["a8"]),
        make("Split", ["a8"], ["left", "right"], axis=1),
        make("Sigmoid", ["left"], ["gate"]),
        make("Mul", ["left", "gate"], ["swish"]),
        make("Neg", ["right"], ["negative"]),
        make("Sub", ["swish", "negative"], ["sum"]),
        make("Concat", ["sum", "a8", "swish"], ["wide"], axis=-1),
        make("Unsqueeze", ["wide", "axis1"], ["signal"]),
        make("Conv", ["signal", "kernel"], ["convolved"], pads=[1, 1], strides=[2]),
        make("MaxPool", ["convolved"], ["pooled"], kernel_shape=[2], strides=[1]),
        make("AveragePool", ["pooled"], ["averaged"], kernel_shape=[3], strides=[1]),
        make("GlobalAveragePool", ["averaged"], ["channels"]),
        make("Flatten", ["channels"], ["flat"]),
        make("ReduceMean", ["averaged"], ["means"], axes=[2], keepdims=0),
        make("Gather", ["means", "index"], ["chosen"], axis=1),
        make("ReduceMax", ["averaged"], ["largest"], axes=[2], keepdims=1),
        make("Squeeze", ["largest", "axis2"], ["highest"]),
        make("Concat", ["flat", "chosen", "highest"], ["eleven"], axis=1),
        make("Tanh", ["eleven"], ["t"]),
        make("Abs", ["t"], ["absolute"]),
        make("Sqrt", ["absolute"], ["root"]),
        make("Exp", ["root"], ["grown"]),
        make("Log", ["grown"], ["back"]),
        make("Pow", ["back", "two"], ["squared"]),
        make("Clip", ["squared", "low", "high"], ["clipped"]),
        make("Greater", ["t", "zero"], ["positive"]),
        make("Where", ["positive", "clipped", "t"], ["mixed"]),
        make("Max", ["mixed", "half"], ["upper"]),
        make("Min", ["mixed", "half"], ["lower"]),
        make("Div", ["lower", "two"], ["halved"]),
        make("Softmax", ["upper"], ["weights"], axis=1),
        make("LogSoftmax", ["halved"], ["logs"], axis=1),
        make("Mul", ["weights", "logs"], ["product"]),
        make("ReduceSum", ["product", "axis1"], ["entropy"], keepdims=1),
        make("Slice", ["product", "starts", "ends", "axis1"], ["middle"]),
        make("Transpose", ["middle"], ["turned"], perm=[1, 0]),
        make("Transpose", ["turned"], ["straight"], perm=[1, 0]),
        make("Shape", ["entropy"], ["size"]),
        make("ConstantOfShape", ["size"], ["ones"], value=numpy_helper.from_array(np.ones(1, np.float32))),
        make("Concat", ["straight", "entropy", "flat", "chosen", "ones"], ["fifteen"], axis=1),
        make("Cast", ["fifteen"], ["cast"], to=TensorProto.FLOAT),
        make("Reshape", ["cast", "shape"], ["reshaped"]),
        make("Expand", ["reshaped", "size"], ["expanded"]),
        make("Dropout", ["expanded"], ["kept"]),
        make("Identity", ["kept"], ["same"]),
        make("Gemm", ["same", "w2", "half"], ["mean"], alpha=0.5, beta=2.0, transB=1),
    ]
    return graph(nodes, [port("obs", ["batch", 3])], [port("mean", ["batch", 1])], weights)


def port(name: str, shape: list[int | str]) -> Any:
    """An input or an output of floats."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, np.ndarray]) -> Any:
    """A graph with its weights: integers stay such, and anything else becomes float32."""
    constants = [
        numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)
        for name, value in weights.items()
    ]
    return helper.make_graph(nodes, "network", inputs, outputs, constants)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
