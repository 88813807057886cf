"""Vector-Jacobian products (vjp) of networks whose layers are known, without an autograd graph.

`_layers.py` has the derivative of each layer and is the file to read first, `_plan.py` finds the layers that calling a
module amounts to, `_chain.py` calls them in turn. Used only by the policies of this room.
"""
