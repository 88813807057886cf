"""Formats of files and folders that hold weights: one file each, found by its place.

A format is a module with two functions:

```
def reads(path: Path, head: bytes) -> bool: ...  # by a file's first bytes, b"" for a folder; never by its name
def read(path: Path) -> Contents: ...            # its tensors and plain values; nothing is executed
```
"""
