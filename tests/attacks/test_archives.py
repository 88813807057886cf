"""Zips that are more, or less, than a model's."""

import io
import os
import stat
import struct
import time
import zipfile
import zlib

import pytest


def directory(path):
    """Where the entries of a zip's members begin."""
    with zipfile.ZipFile(path) as archive:
        return archive.start_dir


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/b", "a\\b", "..", "C:\\evil", "..\\evil", "./data", "~/x/"]
)
def test_paths_as_names(members, write, refused, name):
    refused(write(members | {name: b""}), "a path where a plain name belongs")


@pytest.mark.parametrize("name", ["data", "policy.pth", "other"])
def test_duplicates(members, write, refused, name):
    pairs = [*members.items(), (name, b"{}"), (name, b"{}")]
    refused(write(pairs), f"'{name}' more than once")


def test_many_duplicates_are_found_in_no_time(members, write, refused):
    refused(write([*members.items(), *[("n", b"")] * 20_000]), r"members|more than once")


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../.ssh/id_rsa", b"data"])
def test_links(members, write, refused, target):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(write([*members.items(), (link, target)]), "'link' is a link")


def test_weights_that_are_a_link(members, write, refused):
    link = zipfile.ZipInfo("policy.pth")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(write([("data", members["data"]), (link, b"/etc/passwd")]), "'policy.pth' is a link")


@pytest.mark.parametrize("name", ["data", "policy.pth", "other"])
def test_a_bomb_is_refused_before_it_is_unpacked(members, write, refused, name):
    path = write(members | {name: bytes(40 * 2**20)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    refused(path, r"would unpack")


def test_a_bomb_that_lies_about_its_size(members, write, refused):
    # Python's own reader, asked for the whole member, unpacks a gigabyte before it compares sizes.
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(800)) + packer.flush()
    path = write(members | {"data": packed})
    content = bytearray(path.read_bytes())
    size = struct.pack("<I", 1000)
    for start, method, length in ((0, 8, 22), (directory(path), 10, 24)):  # "data" is the first member
        content[start + method : start + method + 2] = struct.pack("<H", 8)
        content[start + length : start + length + 4] = size
    path.write_bytes(content)
    refused(path, "damaged at 'data'", "ModelError")


def test_a_bomb_beneath_every_cap_but_the_one_on_values(members, write, refused):
    values = b'{"a": [' + b"[],[]," * 300_000 + b"1]}"
    refused(
        write(members | {"data": values}, compression=zipfile.ZIP_DEFLATED), "would unpack|more than 200,000 values"
    )
    refused(write(members | {"data": values}), "more than 200,000 values")


def test_a_bomb_within_a_bomb(members, write, refused):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**20))
    refused(write(members | {"policy.pth": inner.getvalue()}), r"policy\.pth has compressed members")


@pytest.mark.parametrize(
    "name", ["archive/code/evil.py", "archive/constants.pkl", "other/data.pkl", "../evil", "archive/x"]
)
def test_other_members_beside_the_weights(members, write, refused, name):
    inner = io.BytesIO(members["policy.pth"])
    with zipfile.ZipFile(inner, "a") as archive:
        archive.writestr(name, b"x")
    refused(write(members | {"policy.pth": inner.getvalue()}), r"policy\.pth holds")


def test_weights_with_two_directories(members, write, refused):
    # Python finds members by the directory's place, torch by what the end says: they would read two different files.
    refused(write(members | {"policy.pth": members["policy.pth"] * 2}), "directory is not where it says", "ModelError")


def test_something_in_front_of_the_zip(saved, refused, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"#!/bin/sh\ntrue\n" + saved.read_bytes())
    refused(tmp_path / "model.zip", "directory is not where it says", "ModelError")


@pytest.mark.parametrize("count", [30_000, 1_000_000])
def test_too_many_members_are_refused_before_they_are_listed(members, tmp_path, refused, count):
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 8) + bytes(16)
    directory = b"".join(entry + b"%08d" % number for number in range(count))
    end64 = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(directory), 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    (tmp_path / "model.zip").write_bytes(directory + end64 + locator + end)
    refused(tmp_path / "model.zip", "members")


def test_a_directory_that_is_said_to_be_small(members, write, refused):
    path = write([*members.items(), *((f"{'n' * 60}{number}", b"") for number in range(20_000))])
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 100)
    path.write_bytes(content)
    refused(path, "directory|readable", "ModelError")


def test_encryption(members, write, refused):
    path = write(members)
    content = bytearray(path.read_bytes())
    entry = directory(path)
    content[entry + 8] |= 1
    path.write_bytes(content)
    refused(path, "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing(members, write, refused, method):
    refused(write(members, compression=method), f"compressed with method {method}")


@pytest.mark.parametrize(("place", "size"), [(20, 2**31), (24, 2**31), (24, 2**32 - 2), (24, 3), (42, 2**31), (42, 1)])
def test_headers_with_wrong_sizes(members, write, harmless, place, size):
    path = write(members)
    content = bytearray(path.read_bytes())
    entry = directory(path)
    content[entry + place : entry + place + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    report = harmless(path)
    assert report["error"] in ("ModelError", "UnsafeFileError")
    assert "model.zip" in report["message"]


@pytest.mark.parametrize("missing", ["data", "policy.pth"])
def test_a_missing_member_is_named(members, write, refused, missing):
    path = write({name: content for name, content in members.items() if name != missing})
    refused(path, f"it lacks '{missing}'", "ModelError")


def test_members_that_nobody_asks_for_are_left_alone(members, write, harmless):
    path = write(members | {"readme.md": b"hello", "evil.py": b"import os; os.system('x')"})
    assert harmless(path, normalize=False)["error"] is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b'{"policy_class": {":serialized:": 3}}',
        b'{"policy_class": {":serialized:": "\xff"}}',
        b'{"a": ' + b"9" * 10**6 + b"}",
        b"\xff\xfe\x00",
        b'{"policy_class": 1e999999}',
    ],
)
def test_settings_that_are_not_a_models(members, write, refused, data):
    refused(write(members | {"data": data}), "data|policy_class", "ModelError|UnsafeFileError")


def test_a_pipe_is_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "model.zip")
    started = time.perf_counter()
    refused(tmp_path / "model.zip", "a pipe or a device")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", "/dev/tty", "/proc/self/mem", "model.zip", "nowhere"])
def test_a_link_to_what_is_no_model(harmless, tmp_path, target):
    (tmp_path / "model.zip").symlink_to(target)
    report = harmless(tmp_path / "model.zip")
    assert report["error"] in ("UnsafeFileError", "ModelError")
    assert "model.zip" in report["message"]


def test_a_file_that_is_too_large_is_not_read(refused, tmp_path):
    with (tmp_path / "model.zip").open("wb") as file:
        file.truncate(300 * 2**20)
    refused(tmp_path / "model.zip", "larger than 256 MiB")


@pytest.mark.parametrize("name", ["nothing.zip", "folder.zip"])
def test_what_is_not_a_file(refused, tmp_path, name):
    (tmp_path / "folder.zip").mkdir()
    refused(tmp_path / name, name, "ModelError")
