"""The one way a model changes: look, decide, write the next entry unless another was faster."""

from collections.abc import Callable
from functools import partial

from framework.registry.errors import RegistryError
from framework.registry.log import Draft, Entry, append
from framework.registry.model import SENSELESS, Model, fold, read_or_empty
from framework.registry.store import Store


def commit(store: Store, name: str, decide: Callable[[Model], Draft | None]) -> Model:
    """Appends what `decide` makes of the model as it is; asks again if it changed meanwhile.

    Args:
        decide: gives the entry to write, or None where there is nothing to do; what it raises
            ends the attempt with nothing changed.

    Returns:
        The model afterwards.

    Raises:
        RegistryError: no reader would accept the entry, or the store fails; nothing was changed.
    """
    seen = -1
    while True:
        model = read_or_empty(store, name)
        draft = decide(model)
        if draft is None:
            return model
        if len(model.entries) <= seen:
            raise RegistryError(f"{store.where}: entry {seen + 1} of {name} is taken and not there")
        seen = len(model.entries)
        # Folded before it is written: an entry that makes no sense would lock the model for good.
        entry = append(store, name, model.entries, draft, partial(_check, store, model))
        if entry is not None:
            return fold(model, entry)


def _check(store: Store, model: Model, entry: Entry) -> None:
    try:
        fold(model, entry)
    except SENSELESS as error:
        text = f"{store.where}: {model.name} cannot have this entry ({error}); nothing was changed"
        raise RegistryError(text) from error
