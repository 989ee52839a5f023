"""Shifts made on purpose: what a model and the detectors do as the data move away."""

from framework.evaluation.shift.shifts import Shift, Shifted, shifts_for

__all__ = ["Shift", "Shifted", "shifts_for"]
