"""What metrics share: the declaration and its discovery, cases and controls, values with their sources of chance."""
