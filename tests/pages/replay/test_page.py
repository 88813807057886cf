"""What a page's file holds, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.errors import FaultError, RecordingError, UnknownNameError

Made = tuple[rltools.Recording, rltools.Policy]
Data = Callable[[Path], dict[str, Any]]


class Elements(HTMLParser):
    """The tags of a page with their attributes, and the raw text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.texts:
            self.texts[self._inside][-1] += data


def numbers(entry: dict[str, Any]) -> np.ndarray:
    kind = {"f4": "<f4", "i2": "<i2", "i1": "i1"}[entry["kind"]]
    values = np.frombuffer(base64.b64decode(entry["data"]), kind).reshape(entry["shape"])
    if kind == "<f4":
        return values
    return np.where(values == np.iinfo(kind).min, np.nan, values * entry["scale"])


def test_the_file_is_alone_and_loads_nothing(explained_cartpole: Made, tmp_path: Path) -> None:
    path = rltools.replay(explained_cartpole[0], 0, tmp_path / "new" / "page.html")
    assert [result.name for result in path.parent.iterdir()] == ["page.html"]
    elements = Elements(path.read_text(encoding="utf-8"))
    for tag, attributes in elements.tags:
        assert not {"src", "srcset", "style", "action", "data"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!data:font/woff2)", "".join(elements.texts["style"]))


def test_the_security_policy_names_exactly_what_is_inlined(explained_cartpole: Made, tmp_path: Path) -> None:
    elements = Elements(rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html").read_text(encoding="utf-8"))
    (policy,) = [
        attributes["content"]
        for tag, attributes in elements.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = {words[0]: words[1:] for words in (rule.split() for rule in str(policy).split(";"))}
    assert rules["default-src"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    assert "unsafe" not in str(policy)
    kinds = [attributes.get("type") for tag, attributes in elements.tags if tag == "script"]
    running = [text for kind, text in zip(kinds, elements.texts["script"], strict=True) if kind is None]
    assert rules["script-src"] == [_hash(text) for text in running]
    assert rules["style-src"] == [_hash(text) for text in elements.texts["style"]]


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_carries_the_recording(explained_cartpole: Made, tmp_path: Path, data_of: Data) -> None:
    recording, _ = explained_cartpole
    data = data_of(rltools.replay(recording, 0, tmp_path / "page.html"))
    episode = recording.episode(0)
    assert data["outcome"]["seed"] == 5
    assert data["sha256"] == recording.header.policy_sha256
    assert data["again"] == "rltools.replay(rltools.open_recording('run'), 0, 'page.html')"
    np.testing.assert_allclose(numbers(data["features"]["values"]), episode.observations, rtol=1e-6)
    np.testing.assert_array_equal(numbers(data["actions"]["taken"])[:, 0], episode.actions)
    np.testing.assert_array_equal(numbers(data["rewards"]), episode.rewards)
    assert len(data["frames"]["images"]) == len(episode)
    assert data["speed"] == 50
    first = data["attributions"][0]
    assert (first["method"], first["target"]) == ("shapley", "centered:chosen")  # the best predictor speaks first
    assert len(data["attributions"]) == 3
    np.testing.assert_array_equal(
        numbers(first["plain"]["values"]), recording.attribution("shapley", episodes=[0]).values
    )
    states = np.concatenate([part.observations for part in recording])
    np.testing.assert_allclose(numbers(data["deviations"]), states.astype(float).std(axis=0), rtol=1e-5)


def test_method_and_target_narrow_what_is_shown(explained_cartpole: Made, tmp_path: Path, data_of: Data) -> None:
    data = data_of(
        rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html", method="gradient", target="logit:all")
    )
    assert [requested["labels"] for requested in data["attributions"]] == [["logit:left", "logit:right"]]
    with pytest.raises(RecordingError, match="no occlusion"):
        rltools.replay(explained_cartpole[0], 0, tmp_path / "page.html", method="occlusion")


def test_an_unknown_episode_writes_nothing(explained_cartpole: Made, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no episode 7"):
        rltools.replay(explained_cartpole[0], 7, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(explained_cartpole: Made, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot write to"):
        rltools.replay(explained_cartpole[0], 0, tmp_path / "file" / "page.html")


def test_frames_are_only_where_they_were_kept(explained_cartpole: Made, tmp_path: Path, data_of: Data) -> None:
    data = data_of(rltools.replay(explained_cartpole[0], 1, tmp_path / "page.html"))
    assert data["frames"] is None
    assert (data["speed"], data["speed_known"]) == (30, False)


def test_steps_that_were_not_explained_are_gaps(scripted: Callable[[int], Made], tmp_path: Path, data_of: Data) -> None:
    recording, policy = scripted(10)
    rltools.explain(recording, policy, method="gradient", every=4)
    values = numbers(
        data_of(rltools.replay(recording, 0, tmp_path / "page.html"))["attributions"][0]["plain"]["values"]
    )
    assert np.isfinite(values).all(axis=(1, 2)).tolist() == [t % 4 == 0 for t in range(10)]


def test_an_episode_without_steps(scripted: Callable[[int], Made], tmp_path: Path, data_of: Data) -> None:
    with pytest.raises(FaultError):
        scripted(0)
    recording = rltools.open_recording(tmp_path / "scripted-0")
    data = data_of(rltools.replay(recording, 0, tmp_path / "page.html"))
    assert data["outcome"]["steps"] == 0
    assert "motor broke" in data["outcome"]["fault"]


def test_nothing_explained_is_no_reason_to_show_nothing(
    scripted: Callable[[int], Made], tmp_path: Path, data_of: Data
) -> None:
    data = data_of(rltools.replay(scripted(3)[0], 0, tmp_path / "page.html"))
    assert data["attributions"] == []
    assert numbers(data["features"]["values"]).shape == (3, 4)


def test_images_are_maps_that_keep_their_sums(images: rltools.Recording, tmp_path: Path, data_of: Data) -> None:
    data = data_of(rltools.replay(images, 0, tmp_path / "page.html"))
    values = images.attribution().values
    requested, features = data["attributions"][0]["plain"], data["features"]
    assert [entry["shape"] for entry in requested["maps"]] == [[12, 1, 20, 24]]
    largest = np.abs(values.sum(axis=2)).max()
    np.testing.assert_allclose(numbers(requested["maps"][0]), values.sum(axis=2), atol=largest / 250)
    assert len(features["names"]) == 16
    assert features["names"][0] == "y0-4 x0-5"
    regions = numbers(requested["values"])
    np.testing.assert_allclose(regions.sum(axis=2), values.sum(axis=(2, 3, 4)), atol=1e-6)
    np.testing.assert_allclose(regions[:, :, 0], values[..., :5, :6].sum(axis=(2, 3, 4)), atol=1e-6)
    (picture,) = features["images"]
    assert (picture["name"], picture["size"], len(picture["images"])) == ("", [20, 24], 12)
    assert data["deviations"] is None


def test_a_step_with_four_features_takes_less_than_a_hundred_bytes(
    scripted: Callable[[int], Made], tmp_path: Path
) -> None:
    recording, policy = scripted(1_500)
    rltools.explain(recording, policy, method="gradient")
    with_steps = rltools.replay(recording, 0, tmp_path / "page.html").stat().st_size
    assert with_steps < 205_000 + 1_500 * 100  # a page without steps, and what they add
