"""Policies: what acts, and how a file, a folder or a live model becomes one.

`base.py` has the contract and every optional ability, and is the file to read first; `load.py` goes from a name to a
policy. Each policy library is one file or folder here with the functions `claims` and `load` (`sb3`, `torch_policy`).
May import spaces, cards and envs.
"""
