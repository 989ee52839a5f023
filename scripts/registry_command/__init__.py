"""The parts of `scripts/registry.py`: settings, commands, and how they are shown."""
