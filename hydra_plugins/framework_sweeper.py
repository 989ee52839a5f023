"""Hydra's `hydra/sweeper=grid` and `optuna`, which the name of the choice tells apart."""

from typing import Any

from hydra.plugins.sweeper import Sweeper


class FrameworkSweeper(Sweeper):
    """Hands what was asked for to the command that Hydra composes for."""

    def __init__(self, params: dict[str, Any] | None = None, **settings: Any) -> None:
        self.params, self.settings = dict(params or {}), settings

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Keeps what `sweep` needs."""
        self.loader, self.task, self.config = hydra_context.config_loader, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Runs it."""
        from framework.config.multirun import sweep

        return sweep(self, arguments)
