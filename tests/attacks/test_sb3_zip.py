"""Models that want to run code, to exhaust the machine, or that are damaged: none of them gets anywhere."""

import base64
import io
import json
import os
import pickle
import random
import stat
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from rltools.errors import ModelError, RltoolsError, UnsafeFileError
from rltools.loading import load_policy
from rltools.policy import Context

ENTRIES = ("policy_class", "policy_kwargs", "observation_space", "action_space")


class Payload:
    """What a plain unpickler would run."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return os.mkdir, (str(self.sentinel),)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.zip"
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4], "activation_fn": torch.nn.ReLU}, device="cpu").save(
        path
    )
    return path


@pytest.fixture
def members(saved):
    with zipfile.ZipFile(saved) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, **options):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **options) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return path


def with_entry(members, entry, content):
    data = json.loads(members["data"])
    data[entry] = {":type:": "x", ":serialized:": base64.b64encode(content).decode()}
    return members | {"data": json.dumps(data).encode()}


def test_the_payload_would_run(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_payload_in_an_entry_that_is_read_is_not_run(members, tmp_path, entry, protocol):
    content = pickle.dumps(Payload(tmp_path / "ran"), protocol)
    path = write(tmp_path / "model.zip", with_entry(members, entry, content))
    with pytest.raises(UnsafeFileError, match=rf"{entry} wants (posix|nt)\.mkdir.*NOT run.*PPO\.load"):
        load_policy(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("entry", ["learning_rate", "lr_schedule", "ep_info_buffer", "_last_obs", "anything"])
def test_a_payload_in_any_other_entry_is_never_decoded(members, tmp_path, entry):
    path = write(tmp_path / "model.zip", with_entry(members, entry, pickle.dumps(Payload(tmp_path / "ran"))))
    assert load_policy(path, normalize=False).heads == ("logit", "value")
    assert not (tmp_path / "ran").exists()


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
    ],
)
def test_only_names_on_the_list_are_even_remembered(members, tmp_path, name):
    module, attribute = name.split()
    content = (
        b"\x80\x04" + b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, attribute)) + b"\x93."
    )
    with pytest.raises(UnsafeFileError, match="NOT run"):
        load_policy(write(tmp_path / "model.zip", with_entry(members, "policy_kwargs", content)))


def test_what_is_remembered_is_never_called(members, tmp_path):
    # An allowed class, asked for gigabytes: the call is kept as a record, and then it is no argument of a network.
    content = (
        b"\x80\x04}\x8c\x01x" + b"ctorch.nn.modules.activation\nMultiheadAttention\n" + b"J\xff\xff\xff\x7fK\x01\x86Rs."
    )
    with pytest.raises(ModelError, match="policy_kwargs"):
        load_policy(write(tmp_path / "model.zip", with_entry(members, "policy_kwargs", content)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"garbage",
        b"\x80\x04.",
        b"\x80\x04r\xff\xff\xff\x7f.",
        b"\x80\x04Nr\xff\xff\xff\x7f.",
        b"(" * 10**5,
        b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",
        b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    ],
)
def test_a_broken_pickle_is_a_broken_model(members, tmp_path, content):
    with pytest.raises(ModelError):
        load_policy(write(tmp_path / "model.zip", with_entry(members, "observation_space", content)))


def test_a_payload_in_the_weights_is_not_run(members, tmp_path):
    buffer = io.BytesIO()
    torch.save({"weight": Payload(tmp_path / "ran")}, buffer)
    path = write(tmp_path / "model.zip", members | {"policy.pth": buffer.getvalue()})
    with pytest.raises(UnsafeFileError, match=r"policy\.pth.*NOT run"):
        load_policy(path)
    legacy = io.BytesIO()
    torch.save({"weight": Payload(tmp_path / "ran")}, legacy, _use_new_zipfile_serialization=False)
    with pytest.raises(RltoolsError):
        load_policy(write(tmp_path / "model.zip", members | {"policy.pth": legacy.getvalue()}))
    assert not (tmp_path / "ran").exists()


def test_a_payload_in_the_statistics_is_not_run(saved, tmp_path):
    (tmp_path / "vecnormalize.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for normalize in (tmp_path / "vecnormalize.pkl", str(tmp_path / "vecnormalize.pkl")):
        with pytest.raises(UnsafeFileError, match=r"vecnormalize\.pkl.*NOT run"):
            load_policy(saved, normalize=normalize)
    assert not (tmp_path / "ran").exists()


def test_nothing_of_the_system_is_called_while_hostile_files_are_read(members, tmp_path):
    for number, entry in enumerate(ENTRIES):
        content = pickle.dumps(Payload(tmp_path / f"ran{number}"))
        write(tmp_path / f"{entry}.zip", with_entry(members, entry, content))
    script = """
import sys
from pathlib import Path
import stable_baselines3, sb3_contrib
from rltools.errors import UnsafeFileError
from rltools.loading import load_policy
import rltools.policies.sb3._files
load = lambda path: load_policy(path, normalize=False)
load(Path(sys.argv[2]))
events = []
sys.addaudithook(lambda event, _: events.append(event))
for path in sorted(Path(sys.argv[1]).glob("*.zip")):
    try:
        load(path)
    except UnsafeFileError:
        continue
    raise SystemExit(f"{path} was loaded")
bad = {"os.system", "os.mkdir", "subprocess.Popen", "exec", "compile", "os.exec", "socket.connect", "os.remove"}
print("called:", sorted(bad & set(events)))
"""
    (tmp_path / "good").mkdir()
    good = write(tmp_path / "good" / "model.zip", members)
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(good)], capture_output=True, text=True, check=False
    )
    assert "called: []" in ran.stdout, ran.stderr
    assert not list(tmp_path.glob("ran*"))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", "a\\b", ".."])
def test_paths_as_names_are_refused(members, tmp_path, name):
    with pytest.raises(UnsafeFileError, match="a path where a plain name belongs"):
        load_policy(write(tmp_path / "model.zip", members | {name: b""}))


def test_duplicates_are_refused(members, tmp_path):
    path = write(tmp_path / "model.zip", [*members.items(), ("data", b"{}")])
    with pytest.raises(UnsafeFileError, match="'data' more than once"):
        load_policy(path)


def test_links_are_refused(members, tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UnsafeFileError, match="is a link"):
        load_policy(write(tmp_path / "model.zip", [*members.items(), (link, b"/etc/passwd")]))


def test_a_bomb_is_refused_before_it_is_unpacked(members, tmp_path):
    bomb = bytes(40 * 2**20)
    for name in ("data", "policy.pth", "other"):
        path = write(tmp_path / "model.zip", members | {name: bomb}, compression=zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 2**20
        with pytest.raises(UnsafeFileError, match=r"would unpack|above"):
            load_policy(path)


def test_a_bomb_within_the_weights_is_refused(members, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**20))
    with pytest.raises(UnsafeFileError, match="packed members"):
        load_policy(write(tmp_path / "model.zip", members | {"policy.pth": inner.getvalue()}))


def test_too_many_members_are_refused_before_they_are_listed(members, tmp_path):
    many = [(f"{'n' * 60}{number}", b"") for number in range(30_000)]
    with pytest.raises(UnsafeFileError, match="far too many members"):
        load_policy(write(tmp_path / "model.zip", [*members.items(), *many]))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"net_arch": [10**6, 10**6]},
        {"net_arch": [2**40]},
        {"net_arch": [1] * 10**4},
        {"net_arch": {"pi": [10**5, 10**5], "vf": [4]}},
        {"net_arch": [4], "features_extractor_kwargs": {"features_dim": 10**9}},
        {"net_arch": "ab"},
        {"net_arch": [-1]},
        {"no_such_argument": 1},
    ],
)
def test_a_network_beyond_its_weights_is_not_made(members, tmp_path, kwargs):
    data = json.loads(members["data"])
    data["policy_kwargs"] = kwargs
    with pytest.raises(ModelError, match=r"not made|cannot be made|takes no|not as Stable"):
        load_policy(write(tmp_path / "model.zip", members | {"data": json.dumps(data).encode()}))


def test_more_actions_than_weights_are_not_made(saved, tmp_path):
    from gymnasium.spaces import Discrete

    content = pickle.dumps(Discrete(10**9))
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with pytest.raises(UnsafeFileError, match="not made"):
        load_policy(write(tmp_path / "model.zip", with_entry(members, "action_space", content)))


def test_weights_far_larger_than_their_file_are_not_used(members, tmp_path):
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(1).expand(10**12)}, buffer)
    with pytest.raises(UnsafeFileError, match="far larger than itself"):
        load_policy(write(tmp_path / "model.zip", members | {"policy.pth": buffer.getvalue()}))


@pytest.mark.parametrize("missing", ["data", "policy.pth"])
def test_a_missing_member_is_named(members, tmp_path, missing):
    path = write(tmp_path / "model.zip", {name: content for name, content in members.items() if name != missing})
    with pytest.raises(ModelError, match=f"it lacks '{missing}'"):
        load_policy(path)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"nonsense", b"[" * 10**5, b'{"policy_class": {":serialized:": 3}}']
)
def test_settings_that_are_not_a_models_are_refused(members, tmp_path, data):
    with pytest.raises(ModelError):
        load_policy(write(tmp_path / "model.zip", members | {"data": data}))


def test_weights_of_another_network_are_refused(members, tmp_path):
    buffer = io.BytesIO()
    weights = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    torch.save({f"other.{name}": value for name, value in weights.items()}, buffer)
    with pytest.raises(ModelError, match="do not fit"):
        load_policy(write(tmp_path / "model.zip", members | {"policy.pth": buffer.getvalue()}))


def test_every_cut_is_noticed(saved, tmp_path):
    content = saved.read_bytes()
    rng = random.Random(0)
    for cut in [0, 1, 21, 22, len(content) - 1, *rng.sample(range(len(content)), 60)]:
        (tmp_path / "cut.zip").write_bytes(content[:cut])
        with pytest.raises(ModelError, match=r"cut\.zip"):
            load_policy(tmp_path / "cut.zip", normalize=False)


def test_a_flipped_bit_is_noticed_or_changes_nothing(saved, tmp_path):
    content = saved.read_bytes()
    rng = random.Random(1)
    observations = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    expected = load_policy(saved, normalize=False).act(observations, Context()).scores
    noticed = 0
    for _ in range(80):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
        try:
            policy = load_policy(tmp_path / "flipped.zip", normalize=False)
        except RltoolsError:
            noticed += 1
            continue
        np.testing.assert_array_equal(policy.act(observations, Context()).scores, expected)
    assert noticed > 10


@pytest.mark.parametrize("name", ["nothing.zip", "folder.zip"])
def test_what_is_not_a_file_is_said_to_be_none(tmp_path, name):
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(ModelError, match=name):
        load_policy(tmp_path / name)


def test_hostile_files_claim_little_memory(members, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    test_a_bomb_is_refused_before_it_is_unpacked(members, tmp_path)
    test_too_many_members_are_refused_before_they_are_listed(members, tmp_path)
    unit = 1 if sys.platform == "darwin" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 300 * 2**20
