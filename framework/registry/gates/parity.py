"""It says what the run that it came from says."""

from dataclasses import dataclass

from framework.registry.gates.gate import Contender, Number, Verdict


@dataclass(frozen=True)
class Parity:
    """Every comparison that the export made is within its bound, and every format was compared.

    Attributes:
        examples: that each comparison must rest on, at least.
    """

    examples: int = 1

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where there is no comparison, or one is over its bound."""
        del champion
        made = candidate.about.get("parity") or []
        wrong, numbers = [], dict[str, Number]()
        for one in made:
            name = f"{one['format']}/{one['precision']}/{one['platform']}"
            found, bound = one["largest_difference"], one["bound"]
            numbers |= {name: found, f"{name}/bound": bound}
            if found is None or bound is None or not found <= bound:  # NaN is not within it either
                wrong.append(f"{name} differs by {found}, over {bound}")
            if one["examples"] < self.examples:
                wrong.append(f"{name} was compared on {one['examples']} examples only")
        compared = {one["format"] for one in made}
        formats = ["stablehlo", *(candidate.about.get("formats") or {})]
        wrong += [f"{name} was not compared" for name in formats if name not in compared]
        said = f"{len(made)} comparisons with the run, all within their bounds"
        return Verdict(not wrong, "; ".join(wrong) or said, numbers)
