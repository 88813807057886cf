"""The policy library in the docs, as somebody else's package would bring it."""

from __future__ import annotations

import json
import re
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from torch import nn

import rltools
import rltools.testing
from rltools._util import discovery

PAGE = Path(__file__).parents[2] / "docs" / "policy-library.md"


@pytest.fixture
def tinyrl(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    adapter, test = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len((adapter + test).strip().splitlines()) < 50
    module = types.ModuleType("tinyrl")
    exec(adapter, vars(module))

    class Point(EntryPoint):
        def load(self) -> types.ModuleType:
            return module

    point = Point("tinyrl", "tinyrl.attribution", "rltools.policies")
    before = discovery.others
    monkeypatch.setattr(
        "rltools.policies.library.others",
        lambda group: before(group) | ({"tinyrl": point} if "policies" in group else {}),
    )
    shown: dict[str, object] = {"rltools": rltools}
    exec(test, shown)
    return shown


def test_the_adapter_and_its_test(tinyrl: dict[str, object], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "tinyrl.json").write_text(json.dumps({"layers": [4, 8, 2]}))
    tinyrl["test_a_folder_becomes_a_policy"](tmp_path)  # type: ignore[operator]
    assert rltools.load_policy(tmp_path, "CartPole-v1").features.names[2] == "pole angle"
    with pytest.raises(rltools.errors.ArgumentError, match="does not say where it acts"):
        rltools.load_policy(tmp_path)
