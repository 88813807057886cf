"""`rltools inspect` shows a stranger's file without running it, and without letting it write to the terminal."""

import pickle
import zipfile

import pytest

from rltools.cli.commands.inspect import inspection
from rltools.errors import UnsafeFileError


@pytest.mark.parametrize("entry", ["policy_class", "policy_kwargs", "lr_schedule"])
def test_a_payload_is_told_and_not_run(with_entry, write, refused, payload, entry):
    refused(write(with_entry(entry, pickle.dumps(payload))), f"{entry} wants .*NOT run", do="inspect")


def test_a_bomb_is_told(members, write, refused):
    path = write(members | {"data": bytes(40 * 2**20)}, compression=zipfile.ZIP_DEFLATED)
    refused(path, "would unpack", do="inspect")


def test_what_a_model_says_is_printed_as_text(with_data, write, harmless):
    path = write(with_data(tensorboard_log="\x1b]0;owned\x07\n\u202egnp.exe", long="x" * 10**6))
    text, complete = inspection(str(path))
    assert complete
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 5000
    assert harmless(path, do="inspect")["error"] is None


def test_what_is_not_decoded_is_listed(with_entry, write):
    text, _ = inspection(str(write(with_entry("custom", b"\x80\x04cnowhere\nto_be_found\n."))))
    assert "custom" in text.partition("not decoded")[2]


def test_a_folder_of_the_zoo_with_a_payload_is_told(members, write, payload, tmp_path):
    write(members, "CartPole-v1_1/CartPole-v1.zip")
    (tmp_path / "CartPole-v1_1" / "CartPole-v1").mkdir()
    config = tmp_path / "CartPole-v1_1" / "CartPole-v1" / "config.yml"
    config.write_text(f"!!python/object/apply:os.mkdir [{payload.sentinel}]")
    with pytest.raises(UnsafeFileError, match=r"config\.yml wants more than plain data"):
        inspection(str(tmp_path / "CartPole-v1_1"))
