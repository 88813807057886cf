"""`rltools inspect` says of a file of weights what it holds, which library's it is, and how to load it."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rltools.cli.commands.inspect import inspection
from rltools.errors import ArgumentError


def saved(tmp_path: Path, **more: object) -> Path:
    torch.manual_seed(0)
    actor = nn.Sequential(nn.Conv2d(4, 2, 8, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(actor.parameters())
    actor(torch.zeros(1, 4, 12, 12)).sum().backward() if more.pop("trained", False) else None
    torch.save({"actor": actor.state_dict(), "optimizer": optimizer.state_dict(), **more}, tmp_path / "my agent.pt")
    return tmp_path / "my agent.pt"


def test_what_a_checkpoint_holds(tmp_path: Path) -> None:
    path = saved(tmp_path, iteration=20, log_std=torch.zeros(3), made_by=nn.Linear)
    text = " ".join(inspection(str(path))[0].split())
    assert "actor.{0,3}: 4 -> convolution 8x8 -> 2 -> linear -> 3" in text
    assert "parameters 541" in text
    assert "other tensors log_std [3]" in text
    assert "iteration=20" in text
    assert "not read made_by: torch.nn.modules.linear.Linear" in text
    assert "network of one's own" in text


def test_the_command_is_one_that_loads_it(tmp_path: Path) -> None:
    rows = inspection(str(saved(tmp_path)))[0]
    command = shlex.split(" ".join(rows.partition("load it")[2].split()))
    assert command[:2] == ["rltools", "analyze"]
    assert command[3:] == ["--env", "ID", "--activation", "NAME", "--strides", "N"]


def test_the_command_asks_for_what_no_name_says(tmp_path: Path) -> None:
    torch.save(
        {"0.weight": torch.zeros(8, 4), "0.bias": torch.zeros(8), "2.weight": torch.zeros(2, 8)}, tmp_path / "w.pt"
    )
    command = " ".join(inspection(str(tmp_path / "w.pt"))[0].partition("load it")[2].split())
    assert command.endswith("--env ID --activation NAME --head HEAD")


@pytest.mark.parametrize("graph", ["onnx/sb3_ppo/model.onnx", "torch_export/sb3_ppo/policy.pt2"])
def test_a_graph_has_a_command_too(graph: str) -> None:
    path = Path(__file__).parents[2] / "golden" / "libraries" / graph
    assert " ".join(inspection(str(path))[0].split()).endswith("--env ID")


@pytest.mark.parametrize("text", ["x" * 100_000, "a\nb\x1b[2J\u202e", "[bold]x[/bold]", "\ud800"])
def test_texts_of_a_file_stay_on_a_short_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"w.weight": torch.zeros(2, 2), "name": text}, path)
    printed = inspection(str(path))[0]
    assert len(printed) < 2000
    assert printed.replace("\n", "").isprintable()


def test_arrays_that_are_no_network(tmp_path: Path) -> None:
    np.savez(tmp_path / "evaluations.npz", timesteps=np.arange(3), results=np.zeros((3, 2)))
    text = inspection(str(tmp_path / "evaluations.npz"))[0]
    assert "results [3, 2]" in text
    assert "not a network" in text


def test_other_files_are_still_named_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<!doctype html>")
    with pytest.raises(ArgumentError, match=r"page\.pt is no model or weights of a library.*a web page"):
        inspection(str(tmp_path / "page.pt"))
