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
import rltools.policies
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
    before = discovery.entry_points_of
    monkeypatch.setattr(
        "rltools.policies.library.entry_points_of",
        lambda group: before(group) | ({"tinyrl": point} if "policies" in group else {}),
    )
    namespace: dict[str, object] = {"rltools": rltools}
    exec(test, namespace)
    return namespace


def test_the_adapter_and_its_test(tinyrl: dict[str, object], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "tinyrl.json").write_text(json.dumps({"layers": [4, 8, 2]}))
    tinyrl["test_a_folder_becomes_a_policy"](tmp_path)  # type: ignore[operator]
    assert rltools.load_policy(tmp_path, "CartPole-v1").features.names[2] == "pole angle"
    with pytest.raises(rltools.errors.ArgumentError, match="does not say where it acts"):
        rltools.load_policy(tmp_path)


@pytest.mark.parametrize("place", ["aaa_tinyrl.py", "zzz_tinyrl.py", "zzz_tinyrl/__init__.py"])
def test_a_new_file_or_folder_is_found_by_its_place(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its models are PyTorch modules, which the library of plain modules claims only if no other library does."""
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        "import torch, rltools\n"
        "def claims(source):\n"
        "    return type(source).__name__ == 'TinyNet'\n"
        "def load(source, options):\n"
        "    policy = rltools.load_policy(torch.nn.Sequential(source), options.environment.spec)\n"
        "    return rltools.TorchPolicy(source, policy.observation_space, policy.action_space, name='tiny')\n"
    )
    monkeypatch.setattr(rltools.policies, "__path__", [*rltools.policies.__path__, str(tmp_path)])
    discovery.modules_in.cache_clear()

    class TinyNet(nn.Linear):
        """A network of that library."""

    assert rltools.load_policy(TinyNet(4, 2), "CartPole-v1").source.name == "tiny"
    assert rltools.load_policy(nn.Linear(4, 2), "CartPole-v1").source.name == "Linear"
    discovery.modules_in.cache_clear()
