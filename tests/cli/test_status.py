from __future__ import annotations

import re
from pathlib import Path
from typing import Any

EXPERIMENT = (
    "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 1, seeds: [0, 100], reports: false}"
)


def test_an_experiment_is_found_by_its_name_and_what_is_not_begun_is_counted(rltools: Any, project: Path) -> None:
    (project / "poles.yaml").write_text(EXPERIMENT)
    assert "there are none in runs" in rltools("status", "poles").err
    assert rltools("run", "poles.yaml", "max_steps=9", "--shard", "1/2").code == 0
    named, folder = rltools("status", "poles"), rltools("status", "runs/poles")
    assert named.out == folder.out
    assert re.match(r"2 of 5 cells done, 3 not begun$", named.out.strip())
    assert "missing" not in named.out
    assert "made: runs/poles" in " ".join(rltools("status", "pole").err.split())
