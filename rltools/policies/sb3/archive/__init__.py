"""Reads the files that Stable-Baselines3 saves, without running anything in them.

`saved.py` reads a model's zip and `policy_alone.py` the file of a policy alone, both with `policies/untrusted/`. Start
with `saved.py`: `read_saved`.
"""
