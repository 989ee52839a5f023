"""Composes a run while Hydra is at work on something else, as in the middle of a sweep."""

from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

from framework.config.command import Composed, compose_words


def compose_apart(words: Sequence[str]) -> Composed:
    """As `compose_words`; what Hydra was doing is as before.

    Raises:
        InvalidConfig: what is wrong with the words.
    """
    state = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        return compose_words(words)
    finally:
        Singleton.set_state(state)
