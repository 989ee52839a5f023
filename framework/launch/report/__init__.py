"""What a person sees of a sweep: its page."""

from framework.launch.report.report import PAGE, write_report

__all__ = ["PAGE", "write_report"]
