"""Hydra's `hydra/sweeper=optuna`."""

from hydra_plugins._framework_sweeper import FrameworkSweeper


class OptunaSweeper(FrameworkSweeper):
    """A search that learns from results; Optuna is imported when it begins."""
