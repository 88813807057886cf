"""Hostile model cards of a hub: none runs or imports anything, and each is left aside in one short note."""

import os
import re

import pytest

INDEX = "model-index:\n- results:\n  - dataset: {name: %s}\n"
LEVELS = "".join(f"b{depth}: &b{depth} [{', '.join([f'*b{depth - 1}'] * 9)}]\n" for depth in range(1, 10))

CARDS = {
    "a module to import": (INDEX % "'antigravity:CartPole-v1'", "which is no environment's id"),
    "a path": (INDEX % "../../etc/passwd", "which is no environment's id"),
    "a name with control characters": (INDEX % '"\\e[31mCartPole-v1"', r"'\\x1b\[31mCartPole-v1', which is no"),
    "a name of a megabyte": (INDEX % ("x" * 190_000), "which is no environment's id"),
    "a tag that is code": (INDEX % "!!python/object/apply:os.mkdir [ran]", "is not allowed"),
    "a bomb of aliases": (f"b0: &b0 [x]\n{LEVELS}" + INDEX % "CartPole-v1", "is not allowed"),
    "an alias in itself": ("a: &a [*a]\n" + INDEX % "CartPole-v1", "is not allowed"),
    "a merge key": ("<<: {a: 1}\n" + INDEX % "CartPole-v1", "merge key"),
    "levels without end": (f"a: {'[' * 5000}", "levels deep"),
    "words without end": ("a: " + "x " * 40_000, "more than 30,000 words"),
    "a huge number": (f"a: {'9' * 5000}\n" + INDEX % "CartPole-v1", "a number of 5,000 digits"),
    "a key twice": ("model-index: 1\n" + INDEX % "CartPole-v1", "duplicate key"),
    "no mapping": ("- a\n", "holds list"),
    "bytes that are no text": (b"a: \xff\xfe\x00\n", "cannot be read"),
    "a directive": ("%YAML 1.1\n", "cannot be read"),
}


def write(folder, content):
    body = content if isinstance(content, bytes) else content.encode()
    (folder / "README.md").write_bytes(b"---\n" + body + b"\n---\n# An agent\n")


@pytest.mark.parametrize("kind", CARDS)
def test_a_hostile_card_is_one_note(kind, harmless, tmp_path):
    content, match = CARDS[kind]
    write(tmp_path, content)
    report = harmless(tmp_path, do="model card")
    assert report["error"] is None
    (note,) = report["notes"]
    assert re.search(match, note), note
    assert note.isprintable()
    assert len(note) < 500


@pytest.mark.parametrize(
    "content",
    [
        INDEX % "[[[CartPole-v1]]]",
        "model-index: {results: 1}\n",
        "model-index:\n" + "- {}\n" * 3000,
        "model-index:\n- results:\n  - dataset: {name: {a: b}, type: 3}\n",
    ],
)
def test_a_card_of_another_form_names_nothing(content, harmless, tmp_path):
    write(tmp_path, content)
    report = harmless(tmp_path, do="model card")
    assert (report["error"], report["notes"]) == (None, [])


@pytest.mark.parametrize("target", ["/dev/zero", "README.md", "/"])
def test_a_link_in_place_of_a_card(target, harmless, tmp_path):
    (tmp_path / "README.md").symlink_to(target)
    report = harmless(tmp_path, do="model card")
    assert (report["error"], report["notes"]) == (None, [])


def test_a_pipe_in_place_of_a_card(harmless, tmp_path):
    os.mkfifo(tmp_path / "README.md")
    report = harmless(tmp_path, do="model card")
    assert (report["error"], report["notes"]) == (None, [])


def test_a_card_of_a_gigabyte_is_not_read(harmless, tmp_path):
    with (tmp_path / "README.md").open("wb") as file:
        file.truncate(2**30)
    report = harmless(tmp_path, do="model card")
    assert "larger than 1 MiB" in report["notes"][0]
    assert report["memory"] < 2**24
