"""A profile: every column of a data set as a count table, small whatever the number of rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.drift.categories import Categories
from framework.stats.drift.histogram import BINS, Histogram

Table = Histogram | Categories
Columns = Mapping[str, ArrayLike] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Profile:
    """Count tables by the name of their column; profiles of two parts merge by `+`, exactly.

    Example:
        >>> reference = Profile.of({"age": ages, "country": countries})
        >>> current = sum((reference.count(batch) for batch in batches), reference.empty())
    """

    tables: Mapping[str, Table]

    @classmethod
    def of(
        cls,
        columns: Columns,
        bins: int = BINS,
        known: Mapping[str, ArrayLike] | None = None,
        names: Sequence[str] = (),
    ) -> "Profile":
        """Freezes edges and known values at those of `columns`, and counts them.

        Later batches of the reference are added: `profile + profile.count(batch)`.

        Args:
            columns: a mapping of names to arrays [n], or one array [n, columns].
            bins: of a numeric column.
            known: the values of columns that are discrete although they are numbers, such as
                predicted classes. Strings, booleans and objects are discrete anyway.
            names: of the columns of an array; by default their numbers.

        Raises:
            ValueError: `known` names a column that is not there, or a column cannot be counted.
        """
        known = known or {}
        arrays = _named(columns, names)
        if absent := sorted(set(known) - set(arrays)):
            raise ValueError(f"known values of {absent}, which are not among the columns")
        tables: dict[str, Table] = {}
        for name, array in arrays.items():
            with naming(name):
                if name in known or array.dtype.kind in "bOUS":
                    tables[name] = Categories.of(array, known.get(name))
                else:
                    tables[name] = Histogram.of(array, bins)
        return cls(tables)

    def count(self, columns: Columns) -> "Profile":
        """A profile of `columns` alone, over the same edges and known values.

        An array's columns are taken in the order of this profile's.

        Raises:
            ValueError: a column that is missing, too many, or of another kind, by name.
        """
        arrays = _named(columns, tuple(self.tables))
        absent = sorted(set(self.tables) - set(arrays))
        extra = sorted(set(arrays) - set(self.tables))
        if absent or extra:
            raise ValueError(
                f"the columns are not the profile's: {absent or 'none'} missing, "
                f"{extra or 'none'} unknown"
            )
        tables: dict[str, Table] = {}
        for name, table in self.tables.items():
            with naming(name):
                tables[name] = table.count(arrays[name])
        return Profile(tables)

    def empty(self) -> "Profile":
        """The same edges and known values, with nothing counted."""
        return Profile({name: table.count([]) for name, table in self.tables.items()})

    def __add__(self, other: "Profile") -> "Profile":
        if set(self.tables) != set(other.tables):
            differ = sorted(set(self.tables) ^ set(other.tables))
            raise ValueError(f"profiles of different columns do not add up: {differ}")
        tables: dict[str, Table] = {}
        for name, table in self.tables.items():
            with naming(name):
                tables[name] = table + other.tables[name]  # type: ignore[operator]
        return Profile(tables)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays without objects, for `np.savez_compressed`."""
        numeric = {k: t for k, t in self.tables.items() if isinstance(t, Histogram)}
        discrete = {k: t for k, t in self.tables.items() if isinstance(t, Categories)}
        arrays = {
            "names": np.array(list(self.tables), dtype=np.str_),
            "discrete": np.array([name in discrete for name in self.tables], dtype=bool),
            "sizes": np.array([len(t.edges) for t in numeric.values()], np.int64),
            "edges": _joined([t.edges for t in numeric.values()], np.float64),
            "counts": _joined([t.counts for t in numeric.values()], np.int64),
            "missing": np.array([t.missing for t in self.tables.values()], np.int64),
            "ranges": np.array([(t.lowest, t.highest) for t in numeric.values()]).reshape(-1, 2),
            "other": np.array([t.other for t in discrete.values()], np.int64),
        }
        for number, table in enumerate(discrete.values()):
            arrays[f"known/{number}"] = table.known
            arrays[f"known_counts/{number}"] = table.counts
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Profile":
        """The profile that `arrays()` was made of.

        Raises:
            ValueError: an array is missing.
        """
        if absent := sorted(set(cls({}).arrays()) - set(arrays)):
            raise ValueError(f"not the arrays of a profile: {', '.join(absent)} missing")
        sizes = arrays["sizes"]
        edges = np.split(arrays["edges"], np.cumsum(sizes)[:-1])
        counts = np.split(arrays["counts"], np.cumsum(sizes + 1)[:-1])
        ranges, other = arrays["ranges"], arrays["other"]
        tables: dict[str, Table] = {}
        numbers, kinds = iter(range(len(sizes))), iter(range(len(other)))
        for name, discrete, missing in zip(
            arrays["names"].tolist(), arrays["discrete"], arrays["missing"].tolist(), strict=True
        ):
            if discrete:
                i = next(kinds)
                known, seen = arrays[f"known/{i}"], arrays[f"known_counts/{i}"]
                tables[name] = Categories(known, seen, int(other[i]), missing)
            else:
                i = next(numbers)
                low, high = ranges[i].tolist()
                tables[name] = Histogram(edges[i], counts[i], missing, low, high)
        return cls(tables)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Says in which column it was that something was refused."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"column {name!r}: {error}") from None


def _named(columns: Columns, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    if isinstance(columns, Mapping):
        arrays = {str(name): np.asarray(column) for name, column in columns.items()}
        lengths = {name: len(column) for name, column in arrays.items() if column.ndim}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")
        return arrays
    array = np.asarray(columns)
    if array.ndim != 2:
        raise ValueError(f"columns must be a mapping or an array [n, columns], not {array.shape}")
    names = names or [str(number) for number in range(array.shape[1])]
    if len(names) != array.shape[1]:
        raise ValueError(f"{len(names)} names for {array.shape[1]} columns")
    return dict(zip(names, array.T, strict=True))


def _joined(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
