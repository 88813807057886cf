"""Folders of rl-baselines3-zoo: the models, statistics and environment of a training run.

`folder` reads what a run folder says, `_yaml` its .yml files, `_environment` makes the environment it names. Nothing in
these files is run. Start with `folder.py`: `read_record`.
"""
