"""Hostile models of d3rlpy: nothing in them runs, and each is refused quickly and in little memory."""

import io
import json
import pickle
import struct

import pytest
import torch

ENV = "CartPole-v1"
PARAMS = {"observation_shape": [4], "action_size": 2, "config": {"type": "dqn", "params": {}}}


def weights(**more):
    """What save_model() writes."""
    torch.manual_seed(0)
    layers = {"_encoder._layers.0": (8, 4), "_fc": (2, 8)}
    tensors = {f"0.{name}.weight": torch.randn(shape) for name, shape in layers.items()}
    tensors |= {f"0.{name}.bias": torch.zeros(shape[0]) for name, shape in layers.items()}
    stream = io.BytesIO()
    torch.save({"q_funcs": tensors} | more, stream)
    return stream.getvalue()


@pytest.fixture
def model(tmp_path):
    """Writes a .d3, or a .pt with params.json beside it."""

    def write(content=None, params=PARAMS, name="model.d3"):
        settings = params if isinstance(params, bytes) else json.dumps(params).encode()
        if name.endswith(".pt"):
            (tmp_path / "params.json").write_bytes(settings)
            content = weights() if content is None else content
        elif content is None:
            content = pickle.dumps({"torch": weights(), "config": settings.decode(), "version": "2.8.1"})
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["model.d3", "model.pt"])
def test_the_honest_one_is_read(name, model, harmless):
    assert harmless(model(name=name), env=ENV)["error"] is None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_payload(protocol, model, payload, refused):
    content = pickle.dumps({"torch": weights(), "config": "{}", "version": payload}, protocol)
    refused(model(content), r"wants [\w.]+, and what d3rlpy saves are bytes and texts alone; it was NOT run", env=ENV)


def test_a_payload_in_the_weights(model, payload, refused):
    content = pickle.dumps({"torch": weights(optim=payload), "config": json.dumps(PARAMS), "version": "2"})
    refused(model(content), r"wants (posix|nt)\.mkdir.*NOT run", env=ENV)


PICKLES = {
    "os.system": b"\x80\x02cos\nsystem\n(S'true'\ntR.",
    "an instance": b"\x80\x02(S'true'\nios\nsystem\n.",
    "a name out of two texts": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "a list": pickle.dumps([1, 2]),
    "no weights": pickle.dumps({"config": "{}", "version": "2"}),
    "a text for the weights": pickle.dumps({"torch": "x", "config": "{}"}),
    "settings that are no JSON": pickle.dumps({"torch": weights(), "config": "__import__('os')"}),
    "weights that are cut": pickle.dumps({"torch": weights()[:100], "config": json.dumps(PARAMS)}),
    "weights that are text": pickle.dumps({"torch": b"hello", "config": json.dumps(PARAMS)}),
    "a pickle for the weights": pickle.dumps({"torch": pickle.dumps({"x": 1}), "config": json.dumps(PARAMS)}),
    "cut": pickle.dumps({"torch": weights(), "config": "{}"})[:200],
    "a memo bomb": b"\x80\x04](" + b"\x94h\x00" * 60_000 + b"e.",
    "a million levels": b"\x80\x04" + b"(" * 40_000 + b".",
    "a huge memo index": b"\x80\x04]r\xff\xff\xff\x7f.",
    "huge bytes": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x.",
    "a huge text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
}


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_that_no_model_is(kind, model, harmless):
    report = harmless(model(PICKLES[kind]), env=ENV)
    assert report["error"] in ("ModelError", "UnsafeFileError"), report
    assert report["message"].isprintable()
    assert len(report["message"]) < 2500


SETTINGS = {
    "cut": b'{"observation_shape": [4], "action_size": 2, ',
    "a key twice": b'{"observation_shape": [4], "action_size": 2, "action_size": 3}',
    "a hundred thousand levels": b'{"observation_shape": [], "action_size": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_that_are_no_json(kind, model, harmless):
    report = harmless(model(params=SETTINGS[kind], name="model.pt"), env=ENV)
    assert report["error"] == "ModelError"
    assert "params.json is not the JSON" in report["message"]


VALUES = [
    {"observation_scaler": {"type": "os.system", "params": {}}},
    {"observation_scaler": {"type": "standard", "params": {"mean": [0] * 4, "std": ["x"] * 4}}},
    {"observation_scaler": {"type": "standard", "params": {"mean": [0.0] * 9, "std": [1.0] * 9}}},
    {"observation_scaler": {"type": "standard", "params": {"mean": [10**400] * 4, "std": [1.0] * 4}}},
    {"observation_scaler": {"type": "min_max", "params": {"minimum": [1.0] * 4, "maximum": [1.0] * 4}}},
    {"encoder_factory": {"type": "custom", "params": {"activation": "__import__('os')"}}},
    {"encoder_factory": {"type": "vector", "params": {"activation": "__import__('os')"}}},
]


@pytest.mark.parametrize("index", range(len(VALUES)))
def test_settings_that_no_model_has(index, model, harmless):
    params = PARAMS | {"config": {"type": "dqn", "params": VALUES[index]}}
    report = harmless(model(params=params), env=ENV)
    assert report["error"] is not None
    assert report["message"].isprintable()
