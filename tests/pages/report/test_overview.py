"""The page of an experiment with many runs: a table of all that can be scanned, and its pictures as PDF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rltools.pages.report import Groups, write_comparison
from rltools.pages.report._experiment import _first_few, _slug
from rltools.recording import Recording
from rltools.testing import example_recording

LEADS = (0, 0, 0, 0, 1, 2)
"""The feature that leads each run; 2 for two of them."""
GROUPS = ("old", "old", "old", "new", "new", "new")


def recorded(folder: Path, lead: int, seed: int) -> Recording:
    sizes = np.array([(9, 4, 1), (4, 9, 1), (9, 9, 1)][lead])
    rng = np.random.default_rng(seed)
    values = [np.tile(sizes * rng.uniform(0.9, 1.1, 3), (3, 1, 1)) for _ in range(6)]
    return example_recording(folder, values, unit="score", method="shapley", seed=seed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("many")
    runs = {(f"agent {i}", 0): recorded(folder / f"run-{i}", lead, 0) for i, lead in enumerate(LEADS)}
    numbers = {
        "method": "shapley",
        "target": "value",
        "settings": "",
        "control": False,
        "quantity": "share",
        "environment": "E",
    }
    spec = next(iter(runs.values())).spec(next(iter(runs.values())).find())
    numbers["target"] = spec.target
    members = pd.DataFrame(
        [
            numbers | {"group": group, "agent": agent, "feature": "obs[0]", "value": 0.1 * position}
            for position, (group, (agent, _)) in enumerate(zip(GROUPS, runs, strict=True))
        ]
    )
    pooled = pd.DataFrame(
        [
            numbers
            | {"group": group, "feature": "obs[0]", "value": value, "low": low, "high": 0.5, "trainings": 3}
            | {"smallest": 0.0, "largest": 0.5}
            for group, value, low in (("old", 0.1, np.nan), ("new", 0.4, 0.3))
        ]
    )
    options: dict[str, Any] = {
        "memberships": dict(zip(runs, GROUPS, strict=True)),
        "groups": Groups(pooled, members),
        "environments": dict.fromkeys(runs, "E"),
    }
    page, texts = write_comparison(folder, "Do all look at the same?", runs, **options)
    files = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    write_comparison(folder, "Do all look at the same?", runs, **options)
    again = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    return {"page": page.read_text(encoding="utf-8"), "texts": texts, "files": files, "again": again}


def test_each_run_is_a_row_and_what_deviates_is_written(made: dict[str, Any]) -> None:
    table = made["page"].partition('<table class="sortable matrix">')[2].partition("</table>")[0]
    head, body = table.split("<tbody>")
    assert ">mostly first<" in head
    assert "<td>obs[0]</td>" in head
    rows = body.split("<tr>")[1:]
    assert len(rows) == len(LEADS)
    written = [re.findall(r'<span class="([^"]*)">([^<]*)</span>', row) for row in rows]
    assert written[:4] == [[("certain hidden-text", "obs[0]")]] * 4
    assert written[4] == [("certain", "obs[1]")]
    assert written[5][0][0] == ""
    assert set(written[5][0][1].split(" or ")) == {"obs[0]", "obs[1]"}
    assert [re.findall(r'<rect class="(\w+)"', row) for row in rows[3:]] == [
        ["lead", "other", "other"],
        ["other", "lead", "other"],
        ["tied", "tied", "other"],
    ]
    assert all(f"<td>{group}</td>" in row for group, row in zip(GROUPS, rows, strict=True))


def test_groups_lead_the_page_with_each_training_and_details_are_folded(made: dict[str, Any]) -> None:
    page = made["page"]
    answer = page.partition('<section id="finding"')[2].partition("</section>")[0]
    assert "interquartile mean over trainings" in answer
    assert answer.count('class="member"') == len(LEADS)
    assert answer.count('class="interval"') == 1
    assert made["texts"][0] in re.sub("<[^>]*>", "", answer)
    assert "obs[0] leads 4 of 6 runs, obs[1] 1; in 1 none certainly does" in made["texts"][0]
    numbers = page.partition('<section id="numbers">')[2]
    assert numbers.count("<details") == len(LEADS)
    assert numbers.count('<details class="table"><summary>') == len(LEADS)


def test_pictures_are_vectors_with_truetype_fonts_and_the_same_bytes(made: dict[str, Any]) -> None:
    files = made["files"]
    assert len(files) == 2
    assert all(name.endswith(".pdf") for name in files)
    assert made["again"] == files
    for content in files.values():
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
        assert b"/CreationDate" not in content
    links = re.findall(r'href="figures/([^"]+)"', made["page"])
    assert set(links) == set(files)


def test_pictures_of_opposite_values_have_different_names() -> None:
    assert _slug("dqn@gravity=-7", "action:all") == "dqn-gravity--7-action-all"
    assert _slug("dqn@gravity=7", "action:all") == "dqn-gravity-7-action-all"


def test_many_pairs_of_runs_with_the_same_episodes_are_counted() -> None:
    assert _first_few(["a", "b", "c"]) == ["a", "b", "c"]
    assert _first_few(["a", "b", "c", "d"]) == ["a. The same holds for 3 other pairs of runs"]
