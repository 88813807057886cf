"""Code that attribution methods share, private to them. Start with `method.py`: what a method is and declares."""
