"""Runs the local stack. `cli` is the door, `operations` the verbs, one module per part does the work."""
