"""`experiments.plan`: one plan, or a search for the best."""

from collections.abc import Mapping
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.train.planning.compiler import Compiler, CompilerFailed
from framework.train.planning.planner import FAULT, Planner, priced, write
from framework.train.planning.target import Target


def begin(settings: Mapping[str, Any]) -> Planner:
    """Checks the settings of a plan, on the devices of its target.

    Raises:
        InvalidConfig: all that is wrong.
    """
    rest = dict(settings)
    options = require(rest.pop("plan"), "plan")
    name = rest.pop("target")
    if not isinstance(name, str):
        raise InvalidConfig(Problem("target", name, "a name, such as local or v5e:16x16"))
    target = Target.of(name)
    # What is planned is not run: it neither begins nor continues a run directory.
    rest["run"] = {**rest["run"], "dir": None}
    compiler = Compiler(target, rest)
    try:
        compiler.ready()
    except CompilerFailed as error:
        compiler.close()
        raise InvalidConfig(_cannot_compile(name, error)) from error
    except BaseException:
        compiler.close()
        raise
    return Planner(options, target, rest, compiler)


def finish(planner: Planner) -> int:
    """Plans, prints, writes the JSON file; returns the exit code."""
    from framework.train.listeners.progress import make_console
    from framework.train.planning.table import print_plan

    console = make_console(aloud=True)
    if planner.options.search:
        from framework.train.planning.search import search

        return search(planner, console)
    try:
        plan = priced(planner.compiler.compile(), planner.options.price)
    except CompilerFailed as error:
        console.print(f"No plan: {error}")
        return FAULT
    finally:
        planner.compiler.close()
    print_plan(console, plan)
    write(planner.options.out, plan.json())
    if planner.options.out is not None:
        console.print(f"\nNumbers   {planner.options.out}")
    return 0


def _cannot_compile(name: str, error: CompilerFailed) -> Problem:
    text = str(error)
    reason = text.splitlines()[-1] if text else "it did not start"
    return Problem("target", name, "a target that can be compiled for", reason)
