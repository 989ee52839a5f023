"""Hydra's `hydra/launcher=local` and its like, which belong to this framework's sweepers."""

from collections.abc import Sequence
from typing import Any

from hydra.plugins.launcher import Launcher


class FrameworkLauncher(Launcher):
    """Names a place; the sweeper knows it by its name and starts trials itself."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Nothing to keep."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Any:
        """Only Hydra's own sweepers call this.

        Raises:
            HydraException: always.
        """
        from hydra.errors import HydraException

        del job_overrides, initial_job_idx
        raise HydraException("hydra/launcher=local goes with hydra/sweeper=grid; Hydra's own "
                             "sweepers need hydra/launcher=basic")  # fmt: skip
