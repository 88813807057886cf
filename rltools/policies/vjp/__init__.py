"""Vector-Jacobian products (vjp) of networks whose layers are known, without an autograd graph.

`_layers.py` is the file to read first; it, `_activations.py` and `_convolution.py` have the derivatives. `_known.py`
lists the classes of modules, and `_guards.py` notices patched ones. `_plan.py` finds the layers that calling a module
amounts to, and `_chain.py` calls them in turn. Used only by the policies of this room.
"""
