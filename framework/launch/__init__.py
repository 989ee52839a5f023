"""Sweeps: trials, what proposes them, and the places where they run."""
