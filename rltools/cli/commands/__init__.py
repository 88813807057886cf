"""Commands of the command line: one file each, found by its place.

A file adds its command with `@app.command(...)` and calls what a script would call. It imports at its top only what is
light (`rltools.cli`, `rltools._util`, `rltools.errors`), and everything else inside functions, so that
`rltools --help` answers immediately.
"""
