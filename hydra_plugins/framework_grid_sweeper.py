"""Hydra's `hydra/sweeper=grid`."""

from hydra_plugins._framework_sweeper import FrameworkSweeper


class GridSweeper(FrameworkSweeper):
    """Every combination of lists and ranges."""
