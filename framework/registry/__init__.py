"""Numbered artifacts under a model's name, and aliases that move only as they should."""

from framework.registry.collect import Collected, collect
from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.model import Blob, Model, Move, Version, model_names, read_model
from framework.registry.names import Reference, parse_reference
from framework.registry.promotion import GatesFailed, Promoted, promote, rollback
from framework.registry.pull import pull
from framework.registry.push import Pushed, push
from framework.registry.store import Store, open_store
from framework.registry.verify import Verified, verify

__all__ = [
    "Blob",
    "Collected",
    "GatesFailed",
    "InvalidRequest",
    "Model",
    "Move",
    "Promoted",
    "Pushed",
    "Reference",
    "RegistryError",
    "Store",
    "Verified",
    "Version",
    "collect",
    "model_names",
    "open_store",
    "parse_reference",
    "promote",
    "pull",
    "push",
    "read_model",
    "rollback",
    "verify",
]
