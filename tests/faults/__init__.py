"""Breaks the world around real runs on purpose: `python -m tests.faults`."""
