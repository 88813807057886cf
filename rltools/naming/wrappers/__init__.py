"""How wrappers hand on the names of what they observe: one file for each library, named like it.

A file holds `RULES`: by the name of a wrapper's class, a function of the wrapper and of what is known inside it, which
returns what is known outside; entries that it leaves out have no names. It runs only where that wrapper is there, so a
rule may rely on the wrapper's library being loaded, and never imports it.
"""
