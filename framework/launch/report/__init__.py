"""What a person sees of a sweep: its page."""

import shlex
import sys

from framework.launch.request import Request

COMMAND = "python scripts/sweep_report.py"


def say_page(request: Request, *, wait: bool) -> None:
    """Makes the page at the end of a sweep and says where it is, or how it is made.

    Args:
        wait: false where the user asked to stop, and seconds count.
    """
    if "evaluation.report=false" in request.fixed:
        return
    again = f"{COMMAND} {shlex.quote(str(request.directory))}"
    if not wait:
        print(f"Report    {again}")
        return
    try:
        from framework.launch.report.report import write_report

        print(f"Report    {write_report(request.directory)}")
    except Exception as error:  # the results are there, and the exit code is theirs
        fault = f"{type(error).__name__}: {error}"
        print(f"The page could not be made: {fault}. Once more: {again}", file=sys.stderr)
