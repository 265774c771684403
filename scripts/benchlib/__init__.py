"""Runs the benchmark. `cli` is the door, `parts` the measurements, `stand` the stack under them, `report` the page."""
