"""The one way a model changes: look, decide, write the next entry unless another was faster."""

from collections.abc import Callable

from framework.registry.errors import RegistryError
from framework.registry.log import Draft, append
from framework.registry.model import Model, fold, read_or_empty
from framework.registry.store import Store


def commit(store: Store, name: str, decide: Callable[[Model], Draft | None]) -> Model:
    """Appends what `decide` makes of the model as it is; asks again if it changed meanwhile.

    Args:
        decide: gives the entry to write, or None where there is nothing to do; what it raises
            ends the attempt with nothing changed.

    Returns:
        The model afterwards.
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
        entry = append(store, name, model.entries, draft)
        if entry is not None:
            return fold(model, entry)
