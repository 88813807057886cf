"""The layouts of libraries: one file each, found by its place."""
