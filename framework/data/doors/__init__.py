"""The doors: one function for each way a data set comes in, each returning `Data`."""

from framework.data.doors.digits import digits
from framework.data.doors.idx import idx

__all__ = ["digits", "idx"]
