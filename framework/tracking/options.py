"""Which trackers a run has."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class WandbOptions:
    """W&B; nothing leaves the machine unless `mode` is online. An environment variable
    WANDB_MODE makes it quieter (offline, disabled), never louder.
    """

    enabled: bool = True
    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackerOptions:
    """Which trackers record a run."""

    tensorboard: bool = True
    jsonl: bool = True
    wandb: WandbOptions = field(default_factory=WandbOptions)
