"""Checks what a run needs before it starts, and probes a real tenant for what only a real tenant can answer."""
