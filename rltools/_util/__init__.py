"""What every room may use and no room is about: files, YAML, HTML, text, progress, limits and discovery.

A module here knows no agents, recordings or attributions, and imports nothing of rltools but `errors` and its
neighbors. Each one stands alone: `files` and `lock` write files that appear whole or not at all, `foreign_files` and
`yaml` read what others wrote, `discovery` finds what is added by placing a file, `text` writes numbers and names.
"""
