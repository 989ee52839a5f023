#!/usr/bin/env python3
"""gcloud as far as queued resources go: requests are files, whose states a test moves on.

Each call is a line of `calls.jsonl` in FAKE_GCLOUD; `refuse` there is what the next `create` says
instead of doing it.
"""

import json
import os
import sys
from pathlib import Path

folder = Path(os.environ["FAKE_GCLOUD"])
words = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\n")
assert words[:3] == ["compute", "tpus", "queued-resources"], words
verb, rest = words[3], words[4:]
where = "projects/p/locations/z/queuedResources"
if verb == "list":
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.request"))]
    print(json.dumps([each | {"name": f"{where}/{each['name']}"} for each in found]))
elif verb == "create":
    refuse, file = folder / "refuse", folder / f"{rest[0]}.request"
    if refuse.exists():
        said = refuse.read_text()
        refuse.unlink()
        sys.exit(f"ERROR: (gcloud.compute.tpus.queued-resources.create) {said}")
    if file.exists():
        sys.exit(f"ERROR: ALREADY_EXISTS: Resource '{where}/{rest[0]}' already exists")
    script = next(w for w in rest if w.startswith("--metadata-from-file=startup-script="))
    assert Path(script.split("=", 2)[2]).is_file()
    file.write_text(json.dumps({"name": rest[0], "state": {"state": "WAITING_FOR_RESOURCES"}}))
elif verb == "delete":
    file = folder / f"{rest[0]}.request"
    if not file.exists():
        sys.exit(f"ERROR: NOT_FOUND: Resource '{where}/{rest[0]}' was not found")
    assert "--force" in rest, "machines are there still"
    file.unlink()
else:
    sys.exit(f"ERROR: {verb}")
