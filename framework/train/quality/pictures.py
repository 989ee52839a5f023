"""The examples that were found, as a person sees them: pictures, or texts of their values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.data import Data, tokenizer_from_json
from framework.evaluation import as_image
from framework.evaluation.figures import mistakes_figure
from framework.evaluation.mistakes import Mistake, decoded, illustrate

TOKENIZER = "tokenizer.json"
Place = tuple[str, int]


def illustrated(data: Data, places: Sequence[Place]) -> list[dict[str, Any]]:
    """For each example `picture`, an address of a PNG, or `values`, names and texts."""
    found: list[dict[str, Any]] = [{} for _ in places]
    for split, source in data.splits.items():
        rows = [row for row, place in enumerate(places) if place[0] == split]
        mistakes = [Mistake(places[row][1], "", "", "") for row in rows]
        for row, mistake in zip(rows, illustrate(mistakes, source.gather, data.spec), strict=True):
            if mistake.picture:
                found[row] = {"picture": mistake.picture}
            else:
                found[row] = {"values": dict(mistake.values)}
        if rows and data.spec.labels.kind == "token" and TOKENIZER in data.files:
            tokenizer = tokenizer_from_json(data.files[TOKENIZER])
            inputs = source.gather(np.array([places[row][1] for row in rows]))["inputs"]
            for row, tokens, segments in zip(
                rows, inputs["tokens"], inputs["segments"], strict=True
            ):
                found[row] = {"values": {"text": tokenizer.decode(tokens[segments > 0].tolist())}}
    return found


def sheet(shown: Sequence[dict[str, Any]], captions: Sequence[str]) -> np.ndarray | None:
    """A contact sheet uint8 [h, w, 3]; None where the examples are no pictures, or none."""
    if not shown or not all("picture" in one for one in shown):
        return None
    return as_image(mistakes_figure([decoded(one["picture"]) for one in shown], captions))
