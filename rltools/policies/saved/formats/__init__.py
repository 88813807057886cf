"""The formats of files: one file each, found by its place."""
