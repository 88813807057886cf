"""Hostile checkpoint folders of TorchRL: nothing in them runs, and each is refused quickly and in little memory."""

import json
import pickle

import numpy as np
import pytest

ENV = "CartPole-v1"
PART = "components/0000-policy"
KEYS = {"module.0.module.0.weight": (8, 4), "module.0.module.0.bias": (8,), "module.0.module.2.weight": (2, 8)}
FILES = [f"tensor_{index:08d}" for index in range(len(KEYS))]


def schema(names=FILES, keys=tuple(KEYS)):
    """The keys of a state dict, each with the name of its file."""
    pairs = zip(keys, names, strict=True)
    items = [[{"kind": "value", "value": key}, {"kind": "tensor", "key": name, "device": "cpu"}] for key, name in pairs]
    return {"kind": "ordered_dict", "items": items}


def about(**changes):
    """The shape and the type of the numbers in each file."""
    each = {"device": "cpu", "dtype": "torch.float32", "is_nested": False}
    named = {name: each | {"shape": list(shape)} for name, shape in zip(FILES, KEYS.values(), strict=True)}
    named[FILES[0]] |= changes
    return named | {"shape": [], "device": "cpu", "_type": "<class 'tensordict._td.TensorDict'>"}


def manifest(path=PART):
    """The manifest of a checkpoint with one component."""
    component = {"adapter": "torchrl.state_dict", "adapter_version": 1, "path": path}
    return {"format": "torchrl.checkpoint", "format_version": 1, "components": {"policy": component}}


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint folder, with some of its files replaced."""

    def write(**replaced):
        root = tmp_path / "checkpoint"
        files = {"manifest.json": manifest(), f"{PART}/state.json": schema(), f"{PART}/state/meta.json": about()}
        rng = np.random.default_rng(0)
        for name, shape in zip(FILES, KEYS.values(), strict=True):
            files[f"{PART}/state/{name}.memmap"] = rng.standard_normal(shape).astype(np.float32).tobytes()
        for path, content in (files | replaced).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return root

    return write


def test_the_honest_one_is_read(checkpoint, harmless):
    assert harmless(checkpoint(), env=ENV, head="logit")["error"] is None


STATES = {
    "another folder": {"manifest.json": manifest("../../outside")},
    "an absolute folder": {"manifest.json": manifest("/etc")},
    "a number for the folder": {"manifest.json": manifest(5)},
    "components that are a list": {"manifest.json": {"format": "torchrl.checkpoint", "components": [1, 2]}},
    "no components": {"manifest.json": {"format": "torchrl.checkpoint"}},
    "a manifest that is cut": {"manifest.json": b'{"format": "torchrl.checkpoint", "compo'},
    "a key twice": {"manifest.json": b'{"format": "torchrl.checkpoint", "components": {}, "components": {}}'},
    "a file of another name": {f"{PART}/state.json": schema(["../../../../etc/passwd", *FILES[1:]])},
    "a file that is not described": {f"{PART}/state.json": schema(["tensor_00000099", *FILES[1:]])},
    "a schema without kinds": {f"{PART}/state.json": {"items": []}},
    "a pickle for the schema": {f"{PART}/state.json": pickle.dumps(schema())},
    "a class for the type of numbers": {f"{PART}/state/meta.json": about(dtype="os.system")},
    "complex numbers": {f"{PART}/state/meta.json": about(dtype="torch.complex64")},
    "a shape of texts": {f"{PART}/state/meta.json": about(shape=["8", "4"])},
    "a shape of minus one": {f"{PART}/state/meta.json": about(shape=[-1, 4])},
    "a shape of a trillion": {f"{PART}/state/meta.json": about(shape=[1_000_000, 1_000_000])},
    "a shape of a hundred axes": {f"{PART}/state/meta.json": about(shape=[1] * 100)},
    "a shape that overflows": {f"{PART}/state/meta.json": about(shape=[2**63, 2**63])},
    "a file that is too short": {f"{PART}/state/{FILES[0]}.memmap": b"\0" * 8},
    "a file that is too long": {f"{PART}/state/{FILES[0]}.memmap": b"\0" * 1024},
    "a hundred thousand levels": {f"{PART}/state.json": b'{"kind": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
}


@pytest.mark.parametrize("kind", STATES)
def test_a_folder_that_no_checkpoint_is(kind, checkpoint, harmless):
    report = harmless(checkpoint(**STATES[kind]), env=ENV, head="logit")
    assert report["error"] in ("ModelError", "UnsafeFileError"), report
    assert report["message"].isprintable()
    assert len(report["message"]) < 2500


def test_dicts_in_dicts(checkpoint, refused):
    nested = {"kind": "tensor", "key": FILES[0]}
    for _ in range(60):
        nested = {"kind": "dict", "items": [[{"value": "x"}, nested]]}
    refused(checkpoint(**{f"{PART}/state.json": nested}), "more than 40 levels", "ModelError", env=ENV)


@pytest.mark.parametrize("path", [f"{PART}/state/{FILES[0]}.memmap", f"{PART}/state.json", "manifest.json"])
@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd"])
def test_a_link_out_of_the_folder(path, target, checkpoint, harmless):
    root = checkpoint()
    (root / path).unlink()
    (root / path).symlink_to(target)
    report = harmless(root, env=ENV, head="logit")
    assert report["error"] is not None
    assert "root:" not in report["message"]


def test_a_pickled_component_is_never_opened(checkpoint, payload, harmless):
    root = checkpoint()
    content = manifest()
    content["components"]["optimizer"] = {"path": "components/0001-optimizer"}
    (root / "manifest.json").write_text(json.dumps(content))
    (root / "components/0001-optimizer").mkdir()
    (root / "components/0001-optimizer/state.pt").write_bytes(pickle.dumps(payload))
    assert harmless(root, env=ENV, head="logit")["error"] is None


def test_weights_that_are_not_finite(checkpoint, refused):
    numbers = np.full((8, 4), np.nan, np.float32).tobytes()
    refused(checkpoint(**{f"{PART}/state/{FILES[0]}.memmap": numbers}), "NaN", "ModelError", env=ENV, head="logit")
