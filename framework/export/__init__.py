"""From a run to an artifact: programs, other formats, quantising, the gate of parity."""
