"""Commands of the command line: one file each, found by its place.

A file adds its command to `app` with `@app.command(...)` and only calls what a script would call; whatever takes long
to load is imported inside the function, so that `rltools --help` answers at once.
"""
