"""The service wing knows nothing of the training wing."""

import json
import subprocess
import sys

from tests.conftest import ROOT

ALLOWED = {"framework.registry", "framework.artifact", "framework.manifest", "framework.stats"}
FOREIGN = {"flax", "optax", "orbax", "grain", "tensorflow", "tensorflow_datasets", "hydra",
           "omegaconf", "wandb", "matplotlib"}  # fmt: skip


def test_the_registry_imports_the_service_wing_alone():
    code = "import framework.registry, sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = json.loads(done.stdout)
    rooms = {".".join(m.split(".")[:2]) for m in modules if m.startswith("framework.")}
    assert "framework.registry" in rooms
    assert rooms <= ALLOWED
    assert not FOREIGN & {module.partition(".")[0] for module in modules}
