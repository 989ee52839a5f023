"""Gates of promotion: each a frozen dataclass of its bounds, named in `configs/registry.yaml`."""

from framework.registry.gates.calibration import Calibration
from framework.registry.gates.gate import Contender, Finding, Gate, Verdict, judge
from framework.registry.gates.latency import Latency
from framework.registry.gates.metrics import Metrics
from framework.registry.gates.model_card import ModelCard
from framework.registry.gates.parity import Parity
from framework.registry.gates.signature import SignatureCompatible
from framework.registry.gates.signed import Signed
from framework.registry.gates.size import Size
from framework.registry.gates.slices import Slices

__all__ = [
    "Calibration",
    "Contender",
    "Finding",
    "Gate",
    "Latency",
    "Metrics",
    "ModelCard",
    "Parity",
    "SignatureCompatible",
    "Signed",
    "Size",
    "Slices",
    "Verdict",
    "judge",
]
