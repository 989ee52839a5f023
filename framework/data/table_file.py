"""Tables from Parquet and CSV files, and labels that lie in a file apart."""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem, nearest

_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz")


def parse_table(path: Path, content: bytes, missing: tuple[str, ...]) -> Any:
    """The pyarrow Table in `content`, which was read from `path`; the suffix says the format.

    In text, an empty field, pyarrow's usual marks (NA, NaN, null, …) and those in `missing` are
    missing values. Raises InvalidConfig that names the file where it is damaged.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if not path.name.endswith(_SUFFIXES):
        raise InvalidConfig(Problem("path", path, f"a table ending in {', '.join(_SUFFIXES)}"))
    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(io.BytesIO(content))
        else:
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            marks = pyarrow.csv.ConvertOptions().null_values
            table = pyarrow.csv.read_csv(
                io.BytesIO(content),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter="\t" if ".tsv" in path.suffixes else ","
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    null_values=[*marks, *missing], strings_can_be_null=True
                ),
            )
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidConfig(Problem("path", path, "a table that can be read", reason)) from error
    if table.num_rows == 0:
        raise InvalidConfig(Problem("path", path, "a table with rows"))
    return table.combine_chunks()


def require_columns(key: str, names: tuple[str, ...], table: Any, path: Path) -> None:
    """Raises InvalidConfig for every one of `names` that the table does not have."""
    absent = [name for name in names if name not in table.column_names]
    if absent:
        raise InvalidConfig(
            *(
                Problem(key, name, f"a column of {path}", nearest(name, table.column_names))
                for name in absent
            )
        )


def join_labels(
    table: Any, path: Path, labels: Any, label_path: Path, names: tuple[str, ...], key: str | None
) -> Any:
    """The table with the columns `names` of `labels`: the rows with the same `key`, or in order."""
    import pyarrow.compute as pc

    require_columns("label", names, labels, label_path)
    if key is None:
        if labels.num_rows != table.num_rows:
            hint = f"it has {labels.num_rows}; name the column to join by with `key`"
            expected = f"{table.num_rows} rows, as {path.name} has"
            raise InvalidConfig(Problem("label_files", label_path, expected, hint))
        rows: Any = np.arange(table.num_rows)
    else:
        require_columns("key", (key,), table, path)
        require_columns("key", (key,), labels, label_path)
        if pc.count_distinct(labels[key]).as_py() != labels.num_rows:
            raise InvalidConfig(
                Problem("key", key, f"a different value in each row of {label_path}")
            )
        rows = pc.index_in(table[key].combine_chunks(), value_set=labels[key].combine_chunks())
        if rows.null_count:
            row = int(np.flatnonzero(rows.is_null().to_numpy(zero_copy_only=False))[0])
            value = table[key][row].as_py()
            hint = f"row {row} of {path.name} has {value}, which is not there"
            raise InvalidConfig(Problem("key", key, f"the same values in {label_path}", hint))
    for name in names:
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, labels[name].take(rows))
    return table
