"""One interface to TensorBoard, W&B and metrics.jsonl; none of them can stop a training."""

from framework.tracking.jsonl import read_metrics
from framework.tracking.options import TrackerOptions, WandbOptions
from framework.tracking.tracker import Tracker, open_trackers

__all__ = ["Tracker", "TrackerOptions", "WandbOptions", "open_trackers", "read_metrics"]
