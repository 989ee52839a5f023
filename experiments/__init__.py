"""Command lines: compose, call one function, print."""
