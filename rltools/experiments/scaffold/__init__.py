"""Writes files to begin with, filled in from an environment, a model or agents: `rltools new`.

One file for each kind: `env.py` writes a card of names, `agent.py` a card beside a copy of a model, `experiment.py` an
experiment file that runs as it is. `_yaml.py` writes YAML with comments. None replaces a file that is there.
"""

from rltools.experiments.scaffold.agent import new_agent
from rltools.experiments.scaffold.env import new_env
from rltools.experiments.scaffold.experiment import new_experiment

__all__ = ["new_agent", "new_env", "new_experiment"]
