"""The frame of a command that does one piece of work."""

from collections.abc import Callable, Sequence
from typing import Any

Work = Callable[[Any, Any], int | None]


def job(
    name: str,
    work: Callable[[], Work],
    prepare: Callable[[], Callable[[Any], Any]] | None = None,
    literal: Sequence[str] = (),
) -> int:
    """Runs the config `name`; returns the exit code.

    Args:
        work: imports and gives what is called with what was prepared and what Hydra composed; it
            returns the exit code, or None where all is well.
        prepare: imports and gives what checks the composed config; by default the object that the
            config describes is built.
        literal: keys whose values are text as it stands.
    """
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.build import require
    from framework.config.command import Composed, command

    def built(composed: Composed) -> Any:
        return require(composed.settings) if prepare is None else prepare()(composed)

    def act(prepared: Any, composed: Composed) -> int:
        from framework.train.faults import guarded

        return guarded(lambda: work()(prepared, composed) or 0)

    return command(built, act, name=name, literal=literal)
