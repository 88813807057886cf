"""Parameters of flax: CleanRL's agents in JAX, networks of one's own, and the layers that are rebuilt."""

import sys
from pathlib import Path

import msgpack
import numpy as np
import pytest
import torch

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.policies.saved.flax_networks import FlaxParameters, flax_network

GOLDEN = Path(__file__).parents[3] / "golden" / "libraries" / "flax"
NETWORK = GOLDEN / "own" / "network.msgpack"


def test_a_network_of_ones_own_needs_an_activation_and_a_head():
    with pytest.raises(ArgumentError, match="not guessed; give it as activation"):
        load_policy(NETWORK, "CartPole-v1", head="logit")
    with pytest.raises(ArgumentError, match=r"does not say what its network returns; give it as head='logit'"):
        load_policy(NETWORK, "CartPole-v1", activation="tanh")
    policy = load_policy(NETWORK, "CartPole-v1", activation="tanh", head="q_value")
    assert policy.heads == ("q_value",)
    assert "tanh between its layers, as the caller says" in policy.source.notes


def test_agents_of_cleanrl_have_the_activation_of_its_scripts():
    policy = load_policy(GOLDEN / "td3" / "agent.cleanrl_model", "Pendulum-v1")
    assert policy.heads == ("mean", "action", "q_value")
    assert "relu between its layers, as in CleanRL's scripts" in policy.source.notes
    x, action = torch.rand(4, 3), torch.rand(4, 1)
    both, bodies = torch.cat([x, action], 1), [policy.module[name] for name in ("1_params", "2_params")]
    critics = [torch.nn.Sequential(*body, head)(both) for body, head in bodies]
    torch.testing.assert_close(policy.head("q_value", x, Context(action=action)), torch.minimum(*critics))


@pytest.mark.parametrize(("case", "env"), [("dqn", "Acrobot-v1"), ("td3", "CartPole-v1"), ("c51", "Acrobot-v1")])
def test_the_environment_has_to_fit(case, env):
    with pytest.raises(MismatchError, match="give the environment it was trained in"):
        load_policy(GOLDEN / case / "agent.cleanrl_model", env)


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ModelError, match=r'needs msgpack to be read; install it: pip install "rltools-attr'):
        load_policy(NETWORK, "CartPole-v1", activation="tanh", head="logit")


def test_half_precision_of_jax(tmp_path):
    values = np.array([[1.0, -2.5], [0.15625, 3e38], [0, 1], [1, 1]], np.float32)
    upper = (values.view(np.uint32) >> 16).astype("<u2")
    kernel = msgpack.ExtType(1, msgpack.packb((list(values.shape), "bfloat16", upper.tobytes())))
    (tmp_path / "net.msgpack").write_bytes(msgpack.packb({"params": {"Dense_0": {"kernel": kernel}}}))
    policy = load_policy(tmp_path / "net.msgpack", "CartPole-v1", activation="tanh", head="logit")
    expected = (upper.astype(np.uint32) << 16).view(np.float32)
    assert policy.head("logit", torch.eye(4), Context()).equal(torch.from_numpy(expected))


def random(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def norm(rng, size, name):
    return {f"{name}.scale": random(rng, size), f"{name}.bias": random(rng, size)}


def dense(rng, inputs, outputs, name):
    return {f"{name}.kernel": random(rng, inputs, outputs), f"{name}.bias": random(rng, outputs)}


def statistics(rng, size, name):
    return {f"{name}.mean": random(rng, size), f"{name}.var": random(rng, size).abs() + 0.1}


def apply_dense(x, tensors, name):
    return x @ tensors[f"{name}.kernel"] + tensors[f"{name}.bias"]


def standardized(x, tensors, name, mean, var, eps):
    return (x - mean) / torch.sqrt(var + eps) * tensors[f"{name}.scale"] + tensors[f"{name}.bias"]


def layer_norm(x, tensors, name):
    return standardized(x, tensors, name, x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0), 1e-6)


def batch_norm(x, tensors, stats, name):
    return standardized(x, tensors, name, stats[f"{name}.mean"], stats[f"{name}.var"], 1e-3)


def test_layer_norms_stand_before_activations_and_batch_norms_after():
    rng = np.random.default_rng(0)
    tensors = dense(rng, 3, 5, "Dense_0") | dense(rng, 5, 4, "Dense_1") | dense(rng, 4, 2, "Dense_2")
    tensors |= norm(rng, 5, "LayerNorm_0") | norm(rng, 4, "LayerNorm_1")
    stats = {}
    for number, size in enumerate((3, 5, 4)):
        tensors |= norm(rng, size, f"BatchRenorm_{number}")
        stats |= statistics(rng, size, f"BatchRenorm_{number}")
    network = flax_network(FlaxParameters("x", tensors, stats), "relu")
    x = random(rng, 6, 3)
    y = batch_norm(x, tensors, stats, "BatchRenorm_0")
    for number in (0, 1):
        y = layer_norm(apply_dense(y, tensors, f"Dense_{number}"), tensors, f"LayerNorm_{number}").relu()
        y = batch_norm(y, tensors, stats, f"BatchRenorm_{number + 1}")
    torch.testing.assert_close(network.heads[0](network.body(x)), apply_dense(y, tensors, "Dense_2"))


@pytest.mark.parametrize("kind", ["LayerNorm", "BatchRenorm"])
def test_residual_blocks(kind):
    rng = np.random.default_rng(0)
    tensors = dense(rng, 3, 4, "Dense_0") | dense(rng, 4, 1, "Dense_1") | dense(rng, 4, 1, "Dense_2")
    block = "SimbaResidualBlock_0"
    tensors |= dense(rng, 4, 16, f"{block}.Dense_0") | dense(rng, 16, 4, f"{block}.Dense_1")
    names = ("LayerNorm_0",) if kind == "LayerNorm" else ("BatchRenorm_0", "BatchRenorm_1")
    tensors |= norm(rng, 4, f"{block}.{kind}_0")
    stats = statistics(rng, 4, f"{block}.{kind}_0")
    for name, size in zip(names, (4,) if kind == "LayerNorm" else (3, 4), strict=True):
        tensors |= norm(rng, size, name)
        stats |= statistics(rng, size, name)

    def normalized(x, name):
        return layer_norm(x, tensors, name) if kind == "LayerNorm" else batch_norm(x, tensors, stats, name)

    network = flax_network(FlaxParameters("x", tensors, stats), "relu", heads=2)
    x = random(rng, 6, 3)
    y = apply_dense(x if kind == "LayerNorm" else normalized(x, names[0]), tensors, "Dense_0")
    inner = apply_dense(normalized(y, f"{block}.{kind}_0"), tensors, f"{block}.Dense_0").relu()
    y = normalized(y + apply_dense(inner, tensors, f"{block}.Dense_1"), names[-1])
    for head, name in zip(network.heads, ("Dense_1", "Dense_2"), strict=True):
        torch.testing.assert_close(head(network.body(x)), apply_dense(y, tensors, name))


def test_strides_of_convolutions_can_be_given():
    rng = np.random.default_rng(0)
    tensors = {"Conv_0.kernel": random(rng, 3, 3, 2, 5), "Conv_0.bias": random(rng, 5)}
    tensors |= dense(rng, 4 * 4 * 5, 6, "Dense_0") | dense(rng, 6, 3, "Dense_1")
    parameters = FlaxParameters("x", tensors, {})
    with pytest.raises(ModelError, match=r"1 convolutions before 1 Dense layers, with strides.*give as many strides"):
        flax_network(parameters, "relu", image_shape=(2, 9, 9))
    network = flax_network(parameters, "relu", image_shape=(2, 9, 9), strides=(2,))
    x = random(rng, 2, 2, 9, 9)
    patches = x.unfold(2, 3, 2).unfold(3, 3, 2)  # [batch, channel, y, x, dy, dx]
    y = torch.einsum("bcyxij,ijco->byxo", patches, tensors["Conv_0.kernel"]) + tensors["Conv_0.bias"]
    y = apply_dense(y.relu().flatten(1), tensors, "Dense_0").relu()
    torch.testing.assert_close(network.heads[0](network.body(x)), apply_dense(y, tensors, "Dense_1"))
