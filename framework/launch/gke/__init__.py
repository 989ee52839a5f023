"""Trials as JobSets on TPU slices of Google Kubernetes Engine, ordered and admitted by Kueue."""

from framework.launch.gke.make import make_place
from framework.launch.gke.options import GkeOptions

__all__ = ["GkeOptions", "make_place"]
