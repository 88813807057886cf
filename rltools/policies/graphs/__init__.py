"""Networks that files describe as graphs of operators, computed with an allow-list of torch functions.

A format (ONNX in `onnx/`, torch.export in `pt2/`) reads its file into a `Graph` and brings a `Dialect`, which computes
one node. `network.py` runs a graph, `rehearsal.py` bounds what it may cost, `chain.py` makes plain layers of a chain
of nodes, `ports.py` and `heads.py` find out what goes in and what comes out, and `policy.py` makes the policy. Start
with `graph.py`.
"""
