"""Rebuilds the networks of other libraries from the weights that they save; see `_load.py`."""
