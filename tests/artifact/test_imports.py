"""What uses an artifact loads nothing of what made it."""

import json
import subprocess
import sys

from tests.experiments.launch import environment

FORBIDDEN = (
    "flax", "optax", "orbax", "grain", "tensorflow", "tensorflow_datasets", "hydra", "omegaconf",
    "pydantic", "sklearn", "matplotlib", "pyarrow", "PIL", "wandb",
)  # fmt: skip
SCRIPT = """
import json, sys
import numpy as np
from framework.artifact import load
load(sys.argv[1]).predict(np.zeros((2, 2, 3), np.uint8))
print(json.dumps(sorted(sys.modules)))
"""


def test_predicting_imports_no_training_library(made):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(made)],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    modules = json.loads(ended.stdout)
    assert [name for name in modules if name.split(".")[0] in FORBIDDEN] == []
    ours = {".".join(n.split(".")[:2]) for n in modules if n.startswith("framework.")}
    assert ours == {"framework.artifact", "framework.manifest"}
