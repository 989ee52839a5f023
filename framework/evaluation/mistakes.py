"""Where a model is most surely wrong, with what it saw: the quickest way to understand it."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import number, share
from framework.spec import Field, Labels, Spec

LIMIT = 24
_PIXELS = 112  # longest side of a stored picture

Gather = Callable[[np.ndarray], Mapping[str, Any]]


@dataclass(frozen=True)
class Mistake:
    """One example that the model got wrong.

    Attributes:
        index: position in the split.
        said: what the model said, in words.
        truth: what the label says.
        weight: how wrong, in words: the confidence, or the error in standard deviations.
        picture: the input as a `data:image/png` address, if it is a picture.
        values: the input as names and texts, if it is not.
    """

    index: int
    said: str
    truth: str
    weight: str
    picture: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def find_mistakes(evaluation: Evaluation, labels: Labels, limit: int = LIMIT) -> list[Mistake]:
    """The `limit` worst mistakes, worst first; fewer where there are fewer.

    Of classes the wrong predictions of highest probability, of several labels the examples
    with the surest wrong label, of numbers the largest errors in the target's own spread.
    """
    if not evaluation.is_usual(labels) or labels.kind == "token":
        return []
    kinds = {"class": _of_class, "multi_label": _of_labels, "number": _of_numbers}
    return kinds[labels.kind](evaluation.predictions, labels.names, limit)


def illustrate(mistakes: list[Mistake], gather: Gather, spec: Spec) -> list[Mistake]:
    """The mistakes with their inputs, which `gather(indices)["inputs"]` gives, raw.

    An input [h, w], or [h, w, c] with up to four channels, becomes a picture; anything else
    names and texts.
    """
    if not mistakes:
        return []
    inputs = gather(np.array([mistake.index for mistake in mistakes]))["inputs"]
    white = _white(inputs)
    shown = []
    for row, mistake in enumerate(mistakes):
        if not isinstance(inputs, Mapping) and _is_picture(inputs[row]):
            shown.append(replace(mistake, picture=_address(as_picture(inputs[row], white))))
        else:
            shown.append(replace(mistake, values=_texts(inputs, row, spec.inputs)))
    return shown


def as_picture(pixels: np.ndarray, white: int = 255) -> np.ndarray:
    """uint8 [h, w, 3] of pixels [h, w] or [h, w, 1 to 4].

    Floats are shown from 0 to 1, or over their own range where they leave it; bytes from 0 to
    `white`.
    """
    image = np.asarray(pixels)
    if image.dtype == np.uint8:
        image = np.minimum(image * (255 / white), 255).astype(np.uint8) if white < 255 else image
    else:
        image = image.astype(np.float64)
        low, high = float(image.min()), float(image.max())
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        image = np.nan_to_num((image - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
    if image.ndim == 2:
        image = image[..., None]
    return np.repeat(image[..., :1], 3, axis=-1) if image.shape[-1] < 3 else image[..., :3]


def decoded(picture: str) -> np.ndarray:
    """uint8 [h, w, 3] of a mistake's `picture`."""
    from PIL import Image

    png = base64.b64decode(picture.partition(",")[2])
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def _of_class(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...], limit: int
) -> list[Mistake]:
    p, labels = arrays["probabilities"], arrays["labels"]
    truth = labels.argmax(axis=1) if labels.ndim == 2 else labels
    said = p.argmax(axis=1)
    confidence = p.max(axis=1)
    wrong = np.flatnonzero(said != truth)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    return [
        Mistake(
            int(arrays["index"][i]), names[said[i]], names[truth[i]], share(float(confidence[i]))
        )
        for i in worst
    ]


def _of_labels(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...], limit: int
) -> list[Mistake]:
    p, labels = arrays["probabilities"], arrays["labels"]
    off = np.abs(p - labels)
    worst = np.argsort(-off.max(axis=1), kind="stable")[:limit]
    mistakes = []
    for i in worst[off[worst].max(axis=1) > 0.5]:
        which = int(off[i].argmax())
        there = labels[i, which] > 0.5
        mistakes.append(
            Mistake(
                int(arrays["index"][i]),
                f"{'not ' if there else ''}{names[which]}",
                f"{'' if there else 'not '}{names[which]}",
                share(float(off[i, which])),
            )
        )
    return mistakes


def _of_numbers(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...], limit: int
) -> list[Mistake]:
    guess, labels = arrays["predictions"], arrays["labels"]
    spread = labels.std(axis=0)
    off = np.nan_to_num(np.abs(guess - labels) / np.where(spread > 0, spread, 1), nan=np.inf)
    worst = np.argsort(-off.max(axis=1), kind="stable")[:limit]
    mistakes = []
    for i in worst:
        which = int(off[i].argmax())
        about = f"{names[which]} " if len(names) > 1 else ""
        mistakes.append(
            Mistake(
                int(arrays["index"][i]),
                f"{about}{number(float(guess[i, which]))}",
                number(float(labels[i, which])),
                f"{off[i, which]:.1f} σ off",
            )
        )
    return mistakes


def _is_picture(example: Any) -> bool:
    shape = np.shape(example)
    flat = len(shape) == 2 or (len(shape) == 3 and shape[-1] <= 4)
    return flat and min(shape[:2]) >= 4


def _white(inputs: Any) -> int:
    """255, or the brightest byte of all where they use less than half the range."""
    if isinstance(inputs, Mapping) or np.asarray(inputs).dtype != np.uint8:
        return 255
    brightest = int(np.max(inputs, initial=0))
    return brightest if 0 < brightest < 128 else 255


def _address(picture: np.ndarray) -> str:
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((_PIXELS, _PIXELS))
    written = BytesIO()
    image.save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def _texts(inputs: Any, row: int, fields: Field | Mapping[str, Field]) -> dict[str, str]:
    """Columns with their names where the spec has as many, otherwise the values in a row."""
    if isinstance(inputs, Mapping):
        parts = [
            (name, array[row], fields.get(name) if isinstance(fields, Mapping) else None)
            for name, array in inputs.items()
        ]
    else:
        parts = [("input", inputs[row], fields if isinstance(fields, Field) else None)]
    texts: dict[str, str] = {}
    for name, example, about in parts:
        values = np.ravel(example)
        names = about.names if about else ()
        # Marks of missing values, the last columns of a table, are not among its raw values.
        if 0 < len(values) <= len(names):
            texts |= {n: _text(v) for n, v in zip(names, values, strict=False)}
        else:
            more = " …" if len(values) > 24 else ""
            texts[name] = " ".join(map(_text, values[:24])) + more
    return texts


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
