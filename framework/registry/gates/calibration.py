"""The probabilities can be taken at their word."""

from dataclasses import dataclass

from framework.registry.gates.gate import Contender, Number, Verdict

_ERROR = "expected_calibration_error"


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error is at most `at_most`, or at most what a calibrated model
    would show on as few examples (`expected_calibration_error/under_calibration`).
    """

    at_most: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.at_most <= 1:
            raise ValueError(f"at_most={self.at_most}: expected a share from 0 to 1")

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where the error is larger, or was not measured of a model with probabilities."""
        del champion
        if candidate.about.get("kind") == "number":
            return Verdict(True, "it gives no probabilities")
        if _ERROR not in candidate.metrics:
            return Verdict(False, f"{_ERROR} was not measured")
        found = candidate.metrics[_ERROR]
        chance = candidate.metrics.get(f"{_ERROR}/under_calibration")
        bound = max(self.at_most, chance or 0.0)
        passed = found <= bound
        sign = "within" if passed else "over"
        told = "" if chance is None else f", where a calibrated model would show {chance:.4g}"
        numbers: dict[str, Number] = {_ERROR: found, "bound": bound, "under_calibration": chance}
        return Verdict(passed, f"{_ERROR} {found:.4g}, {sign} {bound:.4g}{told}", numbers)
