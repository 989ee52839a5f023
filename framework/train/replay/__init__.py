"""Looks into one step of a run: which operation first gave a number that is not finite."""

from framework.train.replay.before import Replay
from framework.train.replay.replay import replay

__all__ = ["Replay", "replay"]
