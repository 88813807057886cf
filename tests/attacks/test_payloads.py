"""Models that carry something to run: in every entry, in every member, in the pickles beside them."""

import hashlib
import io
import pickle
import tarfile

import pytest
import torch

READ = ("policy_class", "policy_kwargs", "observation_space", "action_space")
UNREAD = ("learning_rate", "lr_schedule", "clip_range", "ep_info_buffer", "_last_obs", "action_noise", "anything")


def packed(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def test_the_watcher_sees_what_a_payload_does(watch, payload, tmp_path):
    (tmp_path / "payload.pkl").write_bytes(pickle.dumps(payload))
    report = watch(tmp_path / "payload.pkl", do="unpickle")
    assert {"pickle.find_class", "os.mkdir"} <= set(report["events"])
    payload.sentinel.rmdir()


def test_an_honest_model_raises_no_alarm(harmless, saved):
    assert harmless(saved, normalize=False)["error"] is None


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("entry", READ)
def test_an_entry_that_is_read(with_entry, write, refused, payload, entry, protocol):
    path = write(with_entry(entry, pickle.dumps(payload, protocol)))
    message = refused(path, rf"{entry} wants (posix|nt)\.mkdir.*NOT run")
    assert f"trust='{hashlib.sha256(path.read_bytes()).hexdigest()}'" in message


@pytest.mark.parametrize("entry", UNREAD)
def test_an_entry_that_is_never_decoded(with_entry, write, refused, payload, entry):
    refused(write(with_entry(entry, pickle.dumps(payload))), rf"{entry} wants (posix|nt)\.mkdir.*NOT run")


def test_what_is_never_decoded_may_be_anything_else(with_entry, write, harmless):
    content = b"\x80\x04\x8c\x07hostile\x8c\x04made\x93)R."
    assert harmless(write(with_entry("lr_schedule", content)), normalize=False)["error"] is None


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "torch load",
        "numpy load",
        "torch.nn.modules.linear Linear",
        "stable_baselines3.common.policies os.system",
        "gymnasium.spaces.box np.load",
        "importlib import_module",
        "hostile Policy",
        "gymnasium.envs.registration make",
        "\x1b]0;owned\x07 x",
        f"{'long' * 50} x",
    ],
)
def test_names_that_are_not_on_the_list(with_entry, write, refused, name):
    module, attribute = name.rsplit(" ", 1)
    words = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, attribute))
    refused(write(with_entry("policy_kwargs", b"\x80\x04" + words + b"\x93.")), "NOT run")


@pytest.mark.parametrize("key", ["activation_fn", "features_extractor_class", "optimizer_class", "net_arch", "device"])
def test_an_argument_of_the_network(with_entry, write, refused, payload, key):
    refused(write(with_entry("policy_kwargs", pickle.dumps({"net_arch": [4], key: payload}))), "policy_kwargs wants")


def test_what_is_remembered_is_never_called(with_entry, write, refused):
    # An allowed class, asked for gigabytes: the call is kept as a record, and then it is no argument of a network.
    content = b"\x80\x04}\x8c\x01x" + b"ctorch.nn.modules.activation\nMultiheadAttention\nJ\xff\xff\xff\x7fK\x01\x86Rs."
    refused(write(with_entry("policy_kwargs", content)), "policy_kwargs", "ModelError")


@pytest.mark.parametrize("member", ["policy.pth", "pytorch_variables.pth", "policy.optimizer.pth"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_member_of_torch(members, write, refused, payload, member, zipped):
    content = packed({"weight": payload}, _use_new_zipfile_serialization=zipped)
    refused(write(members | {member: content}), rf"{member}.* wants .*(posix|nt)\.mkdir.*NOT run.*trust")


def test_a_payload_as_a_plain_pickle_in_place_of_weights(members, write, refused, payload):
    refused(write(members | {"policy.pth": pickle.dumps(payload)}), r"policy\.pth.*mkdir.*NOT run")


def test_weights_of_the_oldest_format(members, write, refused, payload):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            content = pickle.dumps(payload)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    refused(write(members | {"policy.pth": buffer.getvalue()}), r"policy\.pth is damaged", "ModelError")


@pytest.mark.parametrize(
    "content",
    [
        torch.nn.Linear(2, 2),
        {"weight": torch.zeros(2).to_sparse()},
        {"weight": torch.Size([2])},
        {"weight": torch.zeros(2).to(torch.float8_e4m3fn)},
        {"weight": torch.zeros(2, dtype=torch.complex64)},
    ],
    ids=["module", "sparse", "size", "float8", "complex"],
)
def test_weights_that_are_more_than_numbers(members, write, harmless, content):
    report = harmless(write(members | {"policy.pth": packed(content)}))
    assert report["error"] in ("UnsafeFileError", "ModelError")
    assert "weights" in report["message"]


@pytest.mark.parametrize("name", ["vecnormalize.pkl", "vec_normalize.pkl", "model/vecnormalize.pkl"])
@pytest.mark.parametrize("attached", [True, False])
def test_statistics(members, write, harmless, payload, tmp_path, name, attached):
    path = write(members)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    content = pickle.dumps(payload)
    (tmp_path / name).write_bytes(content)
    report = harmless(path, normalize=tmp_path / name if attached else None)
    assert report["error"] == "UnsafeFileError"
    assert "mkdir" in report["message"]
    assert f"trust='{hashlib.sha256(content).hexdigest()}'" in report["message"]
