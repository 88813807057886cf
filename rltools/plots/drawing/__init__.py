"""What plots share: canvas and titles (`style`), labels, colors, legends, and what a plot declares (`plot_info`).

Every plot begins with `style.canvas` and `style.heading`. Read `style.py` first.
"""
