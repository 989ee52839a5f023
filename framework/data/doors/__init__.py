"""The doors: one function for each way a data set comes in, each returning `Data`."""

from framework.data.doors.digits import digits
from framework.data.doors.idx import idx
from framework.data.doors.image_folder import image_folder
from framework.data.doors.random_tokens import random_tokens
from framework.data.doors.table import table
from framework.data.doors.text import text
from framework.data.doors.text_mixture import text_mixture
from framework.data.doors.tfds import tfds
from framework.data.doors.tfds_text import tfds_text

__all__ = [
    "digits",
    "idx",
    "image_folder",
    "random_tokens",
    "table",
    "text",
    "text_mixture",
    "tfds",
    "tfds_text",
]
