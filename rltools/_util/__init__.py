"""Helpers that every room may use: files, YAML, HTML, text, progress, limits and discovery.

A module here knows no agents, recordings or attributions, and imports nothing of rltools but `errors` and its
neighbors. Each one stands alone: `files` and `lock` write files that appear whole or not at all, `foreign_files` and
`yaml` read files of unknown origin, `discovery` finds extensions, `text` writes numbers and names, `arrays` makes and
slices arrays, and `html` and `palette` hold what all pages look like; `font/` is their font, and that of plots.
"""
