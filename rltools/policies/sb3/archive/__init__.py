"""Reads model files that anyone may have made, without running anything in them.

`_zip` and `_pickle` check files before they read them, `_opcodes` follows a pickle without unpickling it, `_decode`
turns inert records into arrays and spaces, `_weights` reads policy.pth. Start with `saved.py`: `read_saved`.
"""
