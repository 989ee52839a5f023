"""What chips can do, from their makers' published tables.

All of it per chip, except where a chip is several of JAX's devices: `device()` has the share of
one. Sources, read in November 2026:

- TPU v4, v5e, v5p, v6e, 7x: docs.cloud.google.com/tpu/docs/{v4, v5e, v5p, v6e, tpu7x}. Google
  gives the interconnect of a chip in both directions together (v5e 400 GB/s, v5p 1200, v6e 800,
  7x 1200); `interconnect` is what a chip can send, half of it. For v4 it says 2400 Gb/s, for v5p
  4800 Gb/s: one direction. The network is what the same tables call DCN bandwidth per chip
  (v5e: 6.4 Tb/s per pod of 256); of v4 none is published.
- NVIDIA A100, H100, H200, B200, L4, L40S, A10G and V100: the data sheets of that name on
  nvidia.com, dense rates (without sparsity). `interconnect` is one direction of NVLink, or of PCI
  Express for cards without it; `network` one network card a GPU as in NVIDIA's DGX machines
  (A100 200 Gb/s, H100 to B200 400 Gb/s): yours may have less.

`float32` is the rate at JAX's default precision of matrix products: one pass of bfloat16 on TPUs,
TF32 on NVIDIA cards from A100 on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

GIB = 2**30
TERA = 1e12
GIGA = 1e9


@dataclass(frozen=True)
class Chip:
    """A kind of accelerator.

    Attributes:
        kinds: JAX's `device_kind` begins with one of these.
        peak: type of a matrix product's operands to operations a second.
        memory: bytes.
        bandwidth: of the memory, bytes a second.
        interconnect: bytes a second that it can send to its neighbours over all links together.
        links: how many links that is: of a torus two in each dimension; 1 behind a switch.
        network: bytes a second to other slices or nodes; None where none is published.
        devices: JAX's devices in one.
    """

    name: str
    kinds: tuple[str, ...]
    peak: Mapping[str, float]
    memory: float
    bandwidth: float
    interconnect: float
    links: int = 1
    network: float | None = None
    devices: int = 1

    def device(self) -> "Chip":
        """The share of one of JAX's devices."""
        part = self.devices
        return replace(
            self,
            peak={name: rate / part for name, rate in self.peak.items()},
            memory=self.memory / part,
            bandwidth=self.bandwidth / part,
            interconnect=self.interconnect / part,
            network=None if self.network is None else self.network / part,
        )


def _tpu(
    name: str, kinds: tuple[str, ...], bfloat16: float, memory: float, bandwidth: float,
    interconnect: float, links: int, network: float | None = None, *, narrow: float = 1,
    narrow_type: str = "int8", devices: int = 1,
) -> Chip:  # fmt: skip
    rate = bfloat16 * TERA
    peak = {"bfloat16": rate, "float16": rate, "float32": rate, narrow_type: narrow * rate}
    return Chip(
        name, kinds, peak, memory * GIB, bandwidth * GIGA, interconnect * GIGA, links,
        None if network is None else network * GIGA, devices,
    )  # fmt: skip


def _gpu(
    name: str, kinds: tuple[str, ...], half: float, float32: float, memory: float,
    bandwidth: float, interconnect: float, network: float | None = None, int8: float = 2,
) -> Chip:  # fmt: skip
    peak = {
        "bfloat16": half * TERA, "float16": half * TERA, "float32": float32 * TERA,
        "int8": int8 * half * TERA,
    }  # fmt: skip
    return Chip(
        name, kinds, peak, memory * GIGA, bandwidth * GIGA, interconnect * GIGA,
        network=None if network is None else network * GIGA,
    )  # fmt: skip


CHIPS: tuple[Chip, ...] = (
    #                                        TFLOP/s  GiB  GB/s  sent GB/s  links  network GB/s
    _tpu("v4", ("TPU v4",), 275, 32, 1200, 300, 6),
    _tpu("v5e", ("TPU v5 lite", "TPU v5e"), 197, 16, 819, 200, 4, 3.125, narrow=2),
    _tpu("v5p", ("TPU v5p", "TPU v5"), 459, 95, 2765, 600, 6, 6.25, narrow=2),
    _tpu("v6e", ("TPU v6 lite", "TPU v6e"), 918, 32, 1638, 400, 4, 12.5, narrow=2),
    _tpu("7x", ("TPU7x", "TPU v7x", "TPU7"), 2307, 192, 7380, 600, 6, 12.5, narrow=2,
         narrow_type="float8", devices=2),
    #                            TFLOP/s of 16 bits, of float32; GB, GB/s, sent GB/s, network GB/s
    _gpu("A100 40GB", ("NVIDIA A100-SXM4-40GB",), 312, 156, 40, 1555, 300, 25),
    _gpu("A100 80GB", ("NVIDIA A100-SXM4-80GB",), 312, 156, 80, 2039, 300, 25),
    _gpu("A100 PCIe 80GB", ("NVIDIA A100 80GB PCIe",), 312, 156, 80, 1935, 32),
    _gpu("H100", ("NVIDIA H100 80GB HBM3",), 989.5, 494.7, 80, 3350, 450, 50),
    _gpu("H100 PCIe", ("NVIDIA H100 PCIe",), 756, 378, 80, 2000, 64),
    _gpu("H200", ("NVIDIA H200",), 989.5, 494.7, 141, 4800, 450, 50),
    _gpu("B200", ("NVIDIA B200",), 2250, 1125, 180, 7700, 900, 50),
    _gpu("L4", ("NVIDIA L4",), 121, 60, 24, 300, 32),
    _gpu("L40S", ("NVIDIA L40S",), 362, 183, 48, 864, 32),
    _gpu("A10G", ("NVIDIA A10G",), 70, 35, 24, 600, 32),
    _gpu("V100", ("Tesla V100-SXM2",), 125, 15.7, 16, 900, 150, int8=0.5),
)  # fmt: skip


def chip_of(device_kind: str) -> Chip | None:
    """The share of one device of the chip that JAX calls `device_kind`; None where unknown."""
    # The longest name counts: "TPU v5 lite" is no "TPU v5", an "NVIDIA L40S" no "NVIDIA L4".
    matches = [
        (len(kind), chip)
        for chip in CHIPS
        for kind in chip.kinds
        if device_kind == kind or device_kind.startswith((f"{kind} ", f"{kind}-"))
    ]
    return max(matches, key=lambda match: match[0])[1].device() if matches else None
