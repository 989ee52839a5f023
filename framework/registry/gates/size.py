"""It is not too large."""

from dataclasses import dataclass

from framework.registry.gates.gate import Contender, Number, Verdict


@dataclass(frozen=True)
class Size:
    """Bytes of all its files.

    Attributes:
        bytes: at most; None for no such bound.
        ratio: candidate over champion at most; None for no such bound.
    """

    bytes: int | None = None
    ratio: float | None = 2.0

    def __post_init__(self) -> None:
        if any(bound is not None and bound <= 0 for bound in (self.bytes, self.ratio)):
            raise ValueError("bytes and ratio: expected bounds over 0, or null")

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where a bound is broken."""
        own = candidate.version.size
        numbers: dict[str, Number] = {"bytes": own}
        said, wrong = [f"{own:,} bytes"], False
        if self.bytes is not None:
            wrong = own > self.bytes
            said.append(f"at most {self.bytes:,} wanted")
        if champion is not None:
            quotient = own / champion.version.size
            numbers |= {"champion_bytes": champion.version.size, "ratio": quotient}
            said.append(f"{quotient:.3g} of the champion's {champion.version.size:,}")
            if self.ratio is not None:
                wrong |= quotient > self.ratio
                said.append(f"at most {self.ratio:g} wanted")
        return Verdict(not wrong, ", ".join(said), numbers)
