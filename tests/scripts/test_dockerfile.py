"""The image does what the README says, and what CI does in a fresh virtual environment."""

import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE, README, CI = (
    (ROOT / name).read_text() for name in ("scripts/Dockerfile", "README.md", ".ci/run")
)
LINES = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


def instructions(name: str) -> list[str]:
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{name} ")]


def assigned(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(text) if "=" in word)


def test_it_has_no_instructions_but_these() -> None:
    known = {"FROM", "ARG", "WORKDIR", "COPY", "ENV", "RUN", "CMD"}
    assert {line.split()[0] for line in LINES} == known
    assert not any(line.endswith("\\") for line in LINES), "each is one line"
    assert instructions("COPY") == [". ."]


def test_its_steps_are_the_readmes() -> None:
    (step,) = instructions("RUN")
    (default,) = (assigned(each)["EXTRA"] for each in instructions("ARG"))
    with_any = re.escape(step).replace(re.escape("${EXTRA}"), r"(\w+)")
    assert re.search(with_any, README), step
    assert f'".[{default}]"' in README
    (command,) = (json.loads(each) for each in instructions("CMD"))
    assert shlex.join(command) in README


def test_ci_does_the_same_in_a_fresh_environment() -> None:
    fresh = CI[CI.index("-m venv") :]
    (step,) = instructions("RUN")
    installed = shlex.split(step)
    assert installed[:3] == ["pip", "install", "-e"]
    of_ci = [shlex.split(line) for line in fresh.splitlines() if line.startswith("pip install")]
    assert any(
        [word for word in words if word != "-qq"][:3] == installed[:3]
        and words[-1].startswith(".[")
        for words in of_ci
    )
    # In the same environment: of the variables, CI sets all.
    (variables,) = map(assigned, instructions("ENV"))
    (exported,) = (line for line in CI.splitlines() if line.startswith("export ") and "PIP" in line)
    in_ci = assigned(exported.removeprefix("export "))
    assert variables["PIP_CONSTRAINT"].endswith("/constraints.txt")
    assert in_ci["PIP_CONSTRAINT"].endswith("/constraints.txt")
    assert in_ci["PIP_DISABLE_PIP_VERSION_CHECK"] == variables["PIP_DISABLE_PIP_VERSION_CHECK"]
    # With the same Python, and nothing from the system's packages that CI installs for tests only.
    (base,) = instructions("FROM")
    version = re.match(r"python:(\d+\.\d+)-slim$", base)
    assert version is not None
    assert f"python{version[1]} -m venv" in CI
    assert "apt-get" not in DOCKERFILE


def test_what_it_leaves_out_is_not_the_project() -> None:
    ignored = (ROOT / "scripts" / "Dockerfile.dockerignore").read_text().split("\n")
    for folder in ("framework", "experiments", "scripts", "configs", "hydra_plugins"):
        assert folder not in ignored
