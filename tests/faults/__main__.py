"""Runs of the real program, broken on purpose and started again.

    python -m tests.faults                        the cases
    python -m tests.faults NAME …                 some of them, by the beginning of their names
    python -m tests.faults --all --markdown FILE  all of them, and the table as Markdown

The exit code is 1 where a case did not end as it must.
"""

import argparse
import logging
import sys
import tempfile
import traceback
from pathlib import Path

from tests import conftest  # noqa: F401  # devices and a cache of its own, before jax comes
from tests.faults.case import Case, NotHere, Result, Workshop
from tests.faults.cases import CASES
from tests.faults.table import columns, markdown, row


def main() -> int:
    """Returns 1 where a case did not end as it must."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="beginnings of names")
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="of the runs; a temporary one")
    chosen = parser.parse_args()
    cases = [case for case in CASES if chosen.all or case.name.startswith(tuple(chosen.names))]
    if not chosen.all and not chosen.names:
        print("\n".join(case.name for case in CASES))
        return 0
    if not cases:
        print(f"{' '.join(chosen.names)}: no case begins with that", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        results = _played(cases, Workshop((chosen.keep or Path(folder)).absolute()))
    if chosen.markdown:
        chosen.markdown.write_text(markdown(results), encoding="utf-8")
    failed = [result.case for result in results if not result.good]
    print(f"{len(results)} cases, {len(failed)} not as they must be: {' '.join(failed)}")
    return bool(failed)


def _played(cases: list[Case], workshop: Workshop) -> list[Result]:
    """Their rows, each printed as it comes."""
    workshop.folder.mkdir(parents=True, exist_ok=True)
    for name in ("absl", "tensorboard"):  # of files that are not there, and of each new start
        logging.getLogger(name).setLevel(logging.ERROR)
    print(columns())
    results = []
    for case in cases:
        try:
            results.append(workshop.play(case))
        except NotHere as reason:
            results.append(Result(case.name, (), "", f"not tried: {reason}", 0.0))
        except Exception as error:  # the other cases are played all the same
            results.append(getattr(error, "result", Result(case.name, (), "", "no", 0.0, False)))
            traceback.print_exception(error)
        print(row(results[-1]), flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
