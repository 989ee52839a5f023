"""Data sets, their splits, augmentations and preprocessing, and the batches read from them."""

from framework.data.augment import Augmentation, Cutout, RandomCrop, RandomFlip, RandomShift
from framework.data.bpe import BPE, BPETokenizer
from framework.data.dataset import Data
from framework.data.doors import (
    digits,
    idx,
    image_folder,
    random_tokens,
    table,
    text,
    text_mixture,
    tfds,
    tfds_text,
)
from framework.data.kept_tokenizer import KeptTokenizer
from framework.data.loader import evaluation_batches, training_batches
from framework.data.mixture import Joined, Mixture
from framework.data.mixup import Mixup
from framework.data.order import batch_number
from framework.data.packed_text import PackedText
from framework.data.placement import on_mesh
from framework.data.preprocess import Identity, Images, Preprocess, Table
from framework.data.schema import Schema, infer
from framework.data.schema_check import departures, read_schema, violations
from framework.data.source import ArraySource, Batch, Source, Subset
from framework.data.taught import Taught
from framework.data.text_files import Corpus
from framework.data.tokenizer import (
    Bytes,
    ByteTokenizer,
    Tokenization,
    Tokenizer,
    tokenizer_from_json,
)
from framework.data.workers import WorkerLost

__all__ = [
    "BPE",
    "ArraySource",
    "Augmentation",
    "BPETokenizer",
    "Batch",
    "ByteTokenizer",
    "Bytes",
    "Corpus",
    "Cutout",
    "Data",
    "Identity",
    "Images",
    "Joined",
    "KeptTokenizer",
    "Mixture",
    "Mixup",
    "PackedText",
    "Preprocess",
    "RandomCrop",
    "RandomFlip",
    "RandomShift",
    "Schema",
    "Source",
    "Subset",
    "Table",
    "Taught",
    "Tokenization",
    "Tokenizer",
    "WorkerLost",
    "batch_number",
    "departures",
    "digits",
    "evaluation_batches",
    "idx",
    "image_folder",
    "infer",
    "on_mesh",
    "random_tokens",
    "read_schema",
    "table",
    "text",
    "text_mixture",
    "tfds",
    "tfds_text",
    "tokenizer_from_json",
    "training_batches",
    "violations",
]
