"""Policies: trained networks that act, made from a file, a folder or a live model.

`base.py` has the contract and every optional ability, and is the file to read first; `context.py` has the values that
go in and out, `view.py` the base class of a policy around another one, and `load.py` loads one by name. Each policy
library is one file or folder here with the functions `claims` and `load` (`sb3`, `torch_policy`); `untrusted/` reads
the files of all of them. May import spaces, cards and envs.
"""
