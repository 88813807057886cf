"""What attribution methods share; private to them. `method.py` first: what a method is and declares."""
