"""What a client of the champion sends and reads still fits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from framework.registry.gates.gate import Contender, Verdict

_INPUT = ("shape", "dtype", "units", "categories")
_OUTPUT = ("shape", "dtype", "classes")


@dataclass(frozen=True)
class SignatureCompatible:
    """Inputs have the champion's names, shapes, types and units, and take what it took; its
    outputs are all there, with the same classes. More outputs are no harm.

    Attributes:
        ignore: outputs that no client reads, such as the embedding of another network.
    """

    ignore: tuple[str, ...] = ()

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where a client would have to change."""
        if champion is None:
            return Verdict(True, "there are no clients yet")
        ours, theirs = candidate.about["signature"], champion.about["signature"]
        read = theirs["outputs"]
        wrong = [
            *_inputs(ours["inputs"], theirs["inputs"]),
            *_outputs(ours["outputs"], {n: o for n, o in read.items() if n not in self.ignore}),
        ]
        return Verdict(not wrong, "; ".join(wrong) or "the champion's clients need no change")


def _inputs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*ours, *theirs}):
        if name not in theirs:
            yield f"input {name} is new: no client sends it"
        elif name not in ours:
            yield f"input {name} is gone"
        else:
            yield from _changed(f"input {name}", ours[name], theirs[name], _INPUT)
            if theirs[name].get("missing") and not ours[name].get("missing"):
                yield f"input {name}: missing values are refused now"
            now, before = ours[name].get("range"), theirs[name].get("range")
            if now and not (before and now[0] <= before[0] and before[1] <= now[1]):
                yield f"input {name}: range {now} instead of {before}"


def _outputs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(theirs):
        if name not in ours:
            yield f"output {name} is gone"
        else:
            yield from _changed(f"output {name}", ours[name], theirs[name], _OUTPUT)


def _changed(
    name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[str]:
    for key in keys:
        now, before = ours.get(key), theirs.get(key)
        if now != before:
            yield f"{name}: {key} {_short(now)} instead of {_short(before)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
