"""Reads files that anyone may have made, without running anything in them: zips, pickles, and what is in these.

`zips` and `opcodes` check a file before it is read, `pickles` turns whatever a pickle names into inert records, and
`decode` and `tensors` make spaces, arrays and tensors of these. `weights` reads state dicts, and `messages` writes the
refusals. All policy libraries that read files use this folder. Start with `pickles.py`: `unpickle`.
"""
