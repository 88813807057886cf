"""Hostile runs of Sample Factory: nothing in them runs, and each is refused quickly and in little memory."""

import json
import pickle
import zipfile

import pytest
import torch

CHECKPOINT = "checkpoint_p0/checkpoint_000000001_100.pth"
ENV = "CartPole-v1"


def model(**more):
    """An honest model's weights."""
    torch.manual_seed(0)
    layers = {"encoder.encoders.obs.mlp_head.0": (8, 4), "critic_linear": (1, 8)}
    layers["action_parameterization.distribution_linear"] = (2, 8)
    tensors = {f"{name}.weight": torch.randn(shape) for name, shape in layers.items()}
    return tensors | {f"{name}.bias": torch.zeros(shape[0]) for name, shape in layers.items()} | more


@pytest.fixture
def run(tmp_path):
    """Writes the folder of a run."""

    def write(state=None, settings=b'{"env": "CartPole-v1", "nonlinearity": "tanh"}', checkpoint=CHECKPOINT):
        root = tmp_path / "run"
        (root / checkpoint).parent.mkdir(parents=True)
        (root / "config.json").write_bytes(settings)
        if isinstance(state, bytes):
            (root / checkpoint).write_bytes(state)
        else:
            torch.save({"model": model(), "train_step": 1} if state is None else state, root / checkpoint)
        return root

    return write


def test_the_honest_one_is_read(run, harmless):
    assert harmless(run())["error"] is None


def test_a_payload_in_the_checkpoint(run, payload, refused):
    root = run({"model": model(), "train_step": payload})
    refused(root / CHECKPOINT, r"wants (posix|nt)\.mkdir.*NOT run")


def test_a_pickle_in_the_place_of_the_checkpoint(run, payload, harmless):
    report = harmless(run(pickle.dumps(payload)))
    assert report["error"] in ("UnsafeFileError", "ModelError")


SETTINGS = {
    "cut": b'{"env": "CartPole-v1", "nonlin',
    "empty": b"",
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "not UTF-8": b'{"env": "\xff\xfe"}',
    "a list": b"[1, 2]",
    "a number": b"1e999",
    "a key twice": b'{"nonlinearity": "tanh", "nonlinearity": "relu"}',
    "a hundred thousand levels": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a hundred levels": b'{"a":' * 100 + b"1" + b"}" * 100,
    "a number of a million digits": b'{"env": ' + b"9" * 1_000_000 + b"}",
    "control characters": b'{"env": "a\x00b"}',
    "Python": b"__import__('os').system('true')",
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_that_are_no_json(kind, run, harmless):
    report = harmless(run(settings=SETTINGS[kind]))
    assert report["error"] == "ModelError", report
    assert "config.json is not the JSON" in report["message"]


def test_settings_larger_than_any(run, harmless):
    report = harmless(run(settings=b'{"a": "' + b"x" * (5 << 20) + b'"}'))
    assert report["error"] == "UnsafeFileError", report


NAMES = ["CartPole-v1; rm -rf /", "os:system", "../../etc/passwd", "module:Env-v0", "\x1b[31m", "a" * 10_000, ""]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_an_environment_that_is_code_or_is_not_there(name, run, harmless):
    report = harmless(run(settings=json.dumps({"env": name}).encode()))
    assert report["error"] is not None
    assert report["message"].isprintable()
    assert len(report["message"]) < 2500


VALUES = {
    "nonlinearity": ["os.system", "__import__", 5, ["tanh"], {"a": 1}],
    "obs_scale": ["1", None, float("nan"), 0.0, 10**400],
    "load_checkpoint_kind": ["../best", 5, None],
    "continuous_tanh_scale": ["x", True],
}


PAIRS = [(key, value) for key, values in VALUES.items() for value in values]


@pytest.mark.parametrize(("key", "value"), PAIRS, ids=range(len(PAIRS)))
def test_values_of_other_types(key, value, run, harmless):
    settings = json.dumps({"env": ENV, key: value}).encode()
    report = harmless(run(settings=settings))
    assert report["error"] is None or report["message"].isprintable()


def test_a_checkpoint_that_is_a_link_out_of_the_run(run, tmp_path, harmless):
    root = run()
    (root / CHECKPOINT).unlink()
    (root / CHECKPOINT).symlink_to("/dev/zero")
    assert harmless(root)["error"] is not None


def test_settings_that_are_a_device(run, harmless):
    root = run()
    (root / "config.json").unlink()
    (root / "config.json").symlink_to("/dev/zero")
    assert harmless(root)["error"] is not None


def test_a_bomb_in_the_place_of_the_checkpoint(run, harmless):
    root = run()
    with zipfile.ZipFile(root / CHECKPOINT, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (64 << 20))
        archive.writestr("archive/version", "3")
    assert harmless(root)["error"] is not None


WEIGHTS = {
    "NaN": {"critic_linear.weight": torch.full((1, 8), float("nan"))},
    "layers that do not fit": {"encoder.encoders.obs.mlp_head.0.weight": torch.zeros(8, 5)},
    "a layer of seven axes": {"action_parameterization.distribution_linear.weight": torch.zeros(2, 8, 1, 1, 1, 1, 1)},
    "no rows": {"critic_linear.weight": torch.zeros(0, 8)},
    "a huge tensor of one number": {"x": torch.zeros(1).expand(1 << 40)},
    "two encoders": {"encoder.encoders.other.mlp_head.0.weight": torch.zeros(8, 4)},
    "a core of other gates": {"core.core.weight_ih_l0": torch.zeros(7, 8), "core.core.weight_hh_l0": torch.zeros(7, 3)},
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_of_no_network(kind, run, harmless):
    report = harmless(run({"model": model(**WEIGHTS[kind])}))
    if kind != "a core of other gates":
        assert report["error"] is not None, report
