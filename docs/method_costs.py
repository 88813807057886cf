"""Measure how long each method takes: `python docs/method_costs.py [METHOD ...]` writes `methods/costs.json`.

The site shows the numbers on its page of methods, beside the passes that a method declares. What is measured is
`rltools.explain` as a user calls it, files included, in seconds of processor time on one thread.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import rltools
from rltools.attributions import Method, find_method, method_names
from rltools.errors import RltoolsError

COSTS = Path(__file__).parent / "methods" / "costs.json"
AGENTS = {"lunarlander-ppo": 4, "lavagap-cnn-ppo": 30}
"""Agents, and how many episodes of each are recorded: about a thousand and two hundred steps."""
STEPS, LONGEST, ROUNDS = 1000, 4.0, 3
"""For how many steps the time is given; about how many seconds are measured at most; of how many rounds the median."""


def seconds(method: Method, folder: Path, policy: rltools.Policy, every: int) -> float:
    """Processor time for `STEPS` steps, extrapolated from every n-th step of a recording."""
    parameters: dict[str, Any] = {}
    if "groups" in method.defaults and len(policy.features.shape) > 1:
        parameters["groups"] = "variables"
    with tempfile.TemporaryDirectory() as copy:
        recording = rltools.open_recording(shutil.copytree(folder, Path(copy) / "run"))
        begin = time.process_time()
        rltools.explain(recording, policy, method=method.name, every=every, threads=1, **parameters)
        spent = time.process_time() - begin
        explained = sum(-(-outcome.steps // every) for outcome in recording.outcomes())
    return spent / explained * STEPS


def measured(method: Method, folder: Path, policy: rltools.Policy) -> float | None:
    """The median over rounds; None if the method does not fit the agent."""
    steps = sum(outcome.steps for outcome in rltools.open_recording(folder).outcomes())
    try:
        roughly = seconds(method, folder, policy, every=40) / STEPS * steps
    except RltoolsError as error:
        print(f"{method.name}: {error}", flush=True)
        return None
    every = max(1, round(roughly / LONGEST))
    rounds = sorted(seconds(method, folder, policy, every) for _ in range(ROUNDS))
    return float(f"{rounds[ROUNDS // 2]:.2g}")


def main(names: list[str]) -> None:
    """Measure methods, by default all, and keep what was measured of others."""
    torch.set_num_threads(1)
    costs = json.loads(COSTS.read_text(encoding="utf-8")) if COSTS.is_file() else {}
    for agent, episodes in AGENTS.items():
        policy = rltools.load_policy(agent)
        with tempfile.TemporaryDirectory() as folder:
            rltools.record(policy, episodes=episodes, directory=Path(folder) / "run")
            for name in names or method_names():
                costs.setdefault(name, {})[agent] = measured(find_method(name), Path(folder) / "run", policy)
                print(agent, name, costs[name][agent], flush=True)
    COSTS.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
