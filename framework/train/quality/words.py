"""What was found in data, in a few lines for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from framework.evaluation.formats import share

_LISTED = 5


def print_quality(console: Console, found: Mapping[str, Any]) -> None:
    """Prints the lines, each as wide as it is."""
    for line in lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The data, what departs, duplicates, labels, anomalies."""
    sizes = " · ".join(f"{name} {s['examples']:,}" for name, s in found["splits"].items())
    yield f"Data        {found['name']}: {sizes}"
    for name, size in found["splits"].items():
        if not size["examples"]:
            yield f"            {name}: empty"
        elif size["looked_at"] < size["examples"]:
            yield f"            {name}: {size['looked_at']:,} of them, evenly spaced"
    for line in found["departures"]:
        yield f"Schema      {line}"
    yield from _duplicates(found["duplicates"])
    yield from _labels(found["label_errors"])
    yield from _anomalies(found["anomalies"])


def _duplicates(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Duplicates  {found['equal']:,} of {found['examples']:,} examples repeat an earlier one;"
        f" near: {found['near']['measure']}"
    )
    several = found["groups_with_several_labels"]
    if several:
        yield f"            {several:,} groups of equal examples have more than one label"
    if not found["near"]["complete"]:
        yield f"            more than {found['near']['pairs']:,} near pairs: not all are counted"
    for row in found["within"]:
        if row["near"]:
            yield f"            within {row['split']}: {_equal_and_near(row)}"
    for row in found["across"]:
        if row["other"] == "train":
            yield f"            {row['split']} in train: {_equal_and_near(row)}"
    for row in found.get("shared_text", ()):
        yield (
            f"            {row['split']}: {row['shared']:,} rows ({share(row['share'])}) share"
            f" {row['tokens']} tokens in a row with train"
        )


def _equal_and_near(row: Mapping[str, Any]) -> str:
    if not row["examples"]:
        return "empty"
    return (
        f"{row['equal']:,} of {row['examples']:,} equal ({share(row['equal_share'])}),"
        f" {row['near']:,} equal or near ({share(row['near_share'])})"
    )


def _labels(found: Mapping[str, Any]) -> Iterator[str]:
    if "unknown" in found:
        yield f"Labels      not judged: {found['unknown']}"
        return
    yield (
        f"Labels      {found['suspects']:,} of {found['examples']:,} are suspect, about"
        f" {found['estimated_errors']:,.0f} wrong by estimate ({found['by']}, which agrees with"
        f" {share(found['agreement'])} of them)"
    )
    for one in found["worst"][:_LISTED]:
        yield (
            f"            {one['split']} {one['index']}: labelled {one['label']}, more like"
            f" {one['suggested']} (margin {one['margin']:.2f})"
        )


def _anomalies(found: Mapping[str, Any]) -> Iterator[str]:
    if "unknown" in found:
        yield f"Anomalies   not judged: {found['unknown']}"
        return
    yield (
        f"Anomalies   {found['beyond']:,} of {found['examples']:,} examples lie farther than"
        f" {found['threshold']:.3g} from their {found['neighbours']} nearest"
        f" (median {found['median']:.3g};"
        f" {found['measured_in']})"
    )
    if found["not_finite"]:
        yield f"            {found['not_finite']:,} of them hold NaN or infinite numbers"
    for one in found["worst"][:_LISTED]:
        distance = "not finite" if one["distance"] is None else f"{one['distance']:.3g}"
        yield f"            {one['split']} {one['index']}: {distance}"
