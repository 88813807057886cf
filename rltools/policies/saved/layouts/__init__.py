"""Layouts in which libraries save their networks: one file each, found by its place.

A layout is a module with

```
CARD = LayoutCard(title=..., files=..., activation=..., source=..., versions=...)
def recognizes(contents: Contents) -> bool: ...               # by keys and shapes only
def rebuild(contents: Contents, wanted: Wanted) -> Rebuilt: ...  # the network with its heads
```

`saved/chains.py` finds the layers in the tensors, `saved/networks.py` builds modules of them, `saved/memory.py` makes
the state of an LSTM or a GRU, and `saved/spaces.py` says what goes in and comes out. Start with `plain.py`.
"""
