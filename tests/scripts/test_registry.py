"""The command as a person types it: what it prints, what it refuses, and with which exit code."""

import json
import os
import subprocess
import sys

import pytest

from scripts import registry
from tests.artifact.keys import make_key
from tests.conftest import ROOT
from tests.registry.artifacts import METRICS, make_artifact
from tests.tracking.wandb_records import history, records

FEW = ("gates.champion.latency=null",)  # the toy's program is a file of that name only


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    make_artifact(folder / "first", 1)
    make_artifact(folder / "second", 2)
    worse = METRICS | {"accuracy": 0.7, "accuracy/low": 0.65, "accuracy/high": 0.75}
    make_artifact(folder / "worse", 3, metrics=worse, card="# no card")
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command on a registry of its own; gives exit code, stdout and stderr."""
    monkeypatch.setenv("FRAMEWORK_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.chdir(tmp_path)

    def command(*words):
        code = registry.main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def three(run, artifacts):
    for name in ("first", "second", "worse"):
        assert run("push", artifacts / name)[0] == 0
    return run


def test_the_way_of_a_model(run, artifacts, tmp_path):
    code, out, _ = run("push", artifacts / "first", "--reason", "a=first try")
    assert code == 0
    assert "toy@1 is registered at" in out
    assert "Next: promote toy 1" in out
    assert "is this very artifact already" in run("push", artifacts / "first")[1]
    run("push", artifacts / "second")
    code, out, _ = run("promote", "toy", "1", *FEW)
    assert code == 0
    assert out.startswith("champion of toy is version 1.")
    assert "there is no version to compare it with" in out
    assert run("promote", "toy@2", "--reason", "newer", *FEW)[0] == 0
    out = run("list")[1]
    assert all(word in out for word in ("toy", "Accuracy 90.0% (88.0 to 92.0%)", "KiB"))
    out = run("show", "toy")[1]
    assert "toy: champion is version 2" in out
    assert all(word in out for word in ("a=first try", "newer", "7 gates passed", "1234567890"))
    out = run("show", "toy@champion")[1]
    assert all(word in out for word in ("toy@2", "float32 [batch, 4], 0 to 1", "model_card"))
    out = run("lineage", "toy")[1]
    assert all(word in out for word in ("runs/toy, step 10", "c0ffee", "f00d", "1234567890abcdef"))
    assert run("rollback", "toy")[1] == "champion of toy is version 1 again, after 2.\n"
    assert run("pull", "toy@champion", tmp_path / "out")[0] == 0
    assert (tmp_path / "out/manifest.json").read_bytes() == (
        artifacts / "first/manifest.json"
    ).read_bytes()
    code, out, _ = run("verify")
    assert code == 0
    assert "1 model, 2 versions" in out
    assert ": whole." in out
    assert "0 files" in run("gc", "--grace-hours", "0", "--dry-run")[1]


def test_what_a_program_reads(three):
    promoted = json.loads(three("promote", "toy", "1", "--json", *FEW)[1])
    assert promoted["promoted"] is True
    assert {gate["gate"] for gate in promoted["gates"]} == {
        "metrics", "calibration", "slices", "size", "parity", "signature", "model_card",
    }  # fmt: skip
    (listed,) = json.loads(three("list", "--json")[1])["models"]
    assert (listed["aliases"], listed["newest"]) == ({"champion": 1}, 3)
    shown = json.loads(three("show", "toy", "--json")[1])
    assert [one["version"] for one in shown["versions"]] == [3, 2, 1]
    assert json.loads(three("show", "toy@2", "--json")[1])["metrics"]["accuracy"] == 0.9
    assert json.loads(three("lineage", "toy@2", "--json")[1])["data"]["fingerprint"] == "f00d"
    verified = json.loads(three("verify", "--json")[1])
    assert verified["whole"] is True
    assert verified["heads"]["toy"]["entries"] == 4
    assert three("verify", "--head", verified["heads"]["toy"]["sha256"])[0] == 0
    assert three("verify", "--head", "0" * 64)[0] == 1


def test_failing_gates_refuse_each_in_a_line(three):
    three("promote", "toy", "1", *FEW)
    code, out, err = three("promote", "toy", "3", *FEW)
    assert code == 1
    assert out == ""
    first, *lines = err.splitlines()
    assert first == "2 gates refuse; nothing was changed."
    assert [line.split(":")[0].strip() for line in lines] == ["metrics", "model_card"]
    assert "accuracy 0.7 against 0.9" in lines[0]
    assert "champion is version 1" in three("show", "toy")[1]


def test_force_needs_a_reason_and_keeps_it(three):
    three("promote", "toy", "1", *FEW)
    code, _, err = three("promote", "toy", "3", "--force", " ", *FEW)
    assert (code, err.count("\n")) == (2, 1)
    code, out, _ = three("promote", "toy", "3", "--force", "x=the other one is down", *FEW)
    assert code == 0
    assert "forced: x=the other one is down" in out
    out = three("show", "toy")[1]
    assert "promote, forced past metrics, model_card" in out
    assert "x=the other one is down" in out


def test_expect(three):
    assert three("promote", "toy", "1", "--expect", "none", *FEW)[0] == 0
    code, _, err = three("promote", "toy", "2", "--expect", "none", *FEW)
    assert (code, err) == (1, "champion of toy is version 1, not no version: not moved\n")
    assert three("rollback", "toy", "--expect", "2")[0] == 1
    assert three("promote", "toy", "2", "--expect", "two")[0] == 2


def test_an_alias_of_its_own_has_gates_of_its_own(three):
    code, out, _ = three("promote", "toy", "3", "--alias", "candidate")
    assert code == 1
    code, out, _ = three("promote", "toy", "2", "--alias", "candidate")
    assert code == 0
    assert "parity" in out
    assert "metrics" not in out
    assert three("promote", "toy", "3", "--alias", "canary", "+gates.canary={}")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "tpy"), "has no model 'tpy': did you mean toy?"),
        (("show", "toy@7"), "toy has no version '7': known: 1, 2, 3"),
        (("show", "toy@champion"), "toy has no alias 'champion'"),
        (("show", "toy@"), "expected a version or an alias after the @"),
        (("show", "../toy"), "cannot be the name of a model"),
        (("promote", "toy"), "promote: expected NAME VERSION, or NAME@VERSION"),
        (("promote", "toy", "1", "--alias", "champoin"), "did you mean champion?"),
        (("rollback", "toy"), "toy has no alias 'champion'"),
        (("rollback", "toy", "--alias", "latest"), "latest is always the newest version"),
        (("promote", "toy", "1", "--alias", "latest"), "latest is always the newest version"),
        (("rollback", "toy@1"), "expected the model alone"),
        (("pull", "toy", "out"), "pull: expected toy@VERSION or toy@ALIAS"),
        (("push", "nothing"), "nothing: no such directory"),
        (("verify", "--key", "nothing.pem"), "--key nothing.pem: there is no such file"),
        (("gc", "--grace-hours", "-1"), "--grace-hours -1.0: expected hours from 0"),
        (("list", "--registry", "elsewhere"), "elsewhere: there is no registry"),
        (("list", "registry=elsewhere"), "elsewhere: there is no registry"),
    ],
)
def test_a_users_mistake_is_one_line(three, words, said):
    code, out, err = three(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("gates.champion.latency.call=3", "did you mean 'calls'?"),
        ("gates.champion.size.ratio=-1", "gates.champion.size=Size"),
        ("gates.champion.size.ratio=much", "gates.champion.size.ratio=much"),
        ("gates.champion.size=3", "a gate with its _target_, or null"),
        ("+gates.champion.mine={_target_:nowhere.Gate}", "nowhere.Gate"),
        ("+gates.champion.mine={_target_:builtins.dict}", "gates.champion.mine"),
        ("regisrty=x", "did you mean 'registry'?"),
    ],
)
def test_a_wrong_setting_names_the_key(three, setting, said):
    code, out, err = three("promote", "toy", "1", setting)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_key_that_is_no_public_one_is_a_mistake_before_anything_is_looked_at(three, tmp_path):
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    private, public = make_key(tmp_path, "ours")
    (tmp_path / "text").write_text("no key")
    for key, said in {
        private: f"{private}: a private key; expected the public one of it, which `openssl ec -in",
        tmp_path / "text": "text: expected an elliptic-curve public key in a PEM file",
        tmp_path / "nothing": "nothing: there is no such file; expected a public key",
    }.items():
        code, out, err = three("verify", "--key", key)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("--key ")
        assert said in err
        gate = f"gates.champion.signed={{_target_:framework.registry.gates.Signed,key:{key}}}"
        code, out, err = three("promote", "toy", "1", gate, "--force", "in haste")
        first, problem = err.splitlines()
        assert (code, out, first) == (
            2,
            "",
            "The configuration has one mistake; nothing was started.",
        )
        assert problem.startswith("  gates.champion.signed=Signed: ")
        assert said in problem
    code, out, _ = three("verify", "--key", public)
    assert code == 1
    assert out.count("not signed") == 3


def test_what_is_damaged_is_named(three, tmp_path):
    (blob,) = [path for path in (tmp_path / "registry/blobs").rglob("*")
               if path.is_file() and path.read_bytes() == b"a program"]  # fmt: skip
    blob.write_bytes(b"A program")
    code, out, _ = three("verify")
    assert code == 1
    assert "  toy@1, toy@2, toy@3: programs/predict.stablehlo (blobs/" in out
    assert three("pull", "toy@1", tmp_path / "out")[0] == 1
    (tmp_path / "registry/models/toy/log/00000002.json").write_text("{}")
    for words in (("show", "toy"), ("list",), ("promote", "toy", "1"), ("gc",)):
        code, _, err = three(*words)
        assert (code, err.count("\n")) == (1, 1)
        assert "00000002.json" in err
    assert three("verify")[0] == 1


def test_the_split_that_was_measured_is_shown(run, artifacts, tmp_path):
    run("push", artifacts / "first")
    other = METRICS | {"split": "validation"}
    run("push", make_artifact(tmp_path / "other", 4, metrics=other, name="other"))
    for words in (("list",), ("show", "other")):
        out = run(*words)[1]
        assert "validation: Accuracy 90.0%" in out
        assert "On the test split" not in out
    assert "On the validation split" in run("show", "other@1")[1]
    listed = json.loads(run("list", "--json")[1])["models"]
    assert [(one["model"], one["split"]) for one in listed] == [
        ("other", "validation"), ("toy", "test"),
    ]  # fmt: skip
    assert json.loads(run("show", "other@1", "--json")[1])["split"] == "validation"
    shown = run("show", "toy")[1]
    assert "On the test split" in shown
    assert "test: " not in shown


def test_damaged_metrics_hide_nothing_else(three, tmp_path):
    (blob,) = [path for path in (tmp_path / "registry/blobs").rglob("*")
               if path.is_file() and b'"accuracy": 0.7' in path.read_bytes()]  # fmt: skip
    blob.write_bytes(b"{}")
    code, out, _ = three("show", "toy")
    assert code == 0
    assert "damaged, see verify" in out
    assert "Accuracy 90.0%" in out
    code, _, err = three("promote", "toy", "3", *FEW)
    assert (code, err.count("\n")) == (1, 1)
    assert "(metrics.json): damaged" in err


def test_wandb_that_cannot_write_does_not_stop_a_push(run, artifacts, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    code, out, err = run("push", artifacts / "first", "tracker.wandb.mode=offline")
    assert code == 0
    assert "toy@1 is registered" in out
    assert err.count("\n") == 1
    assert "the version is registered all the same" in err


def test_a_push_is_on_the_record_of_wandb_where_it_is_on(run, artifacts, tmp_path):
    run("push", artifacts / "first")
    assert not (tmp_path / "runs").exists()
    code, _, err = run("push", artifacts / "second", "tracker.wandb.mode=offline")
    assert (code, err) == (0, "")
    (record,) = tmp_path.glob("runs/registry/toy-2/wandb/offline-run-*")
    logged = [one.artifact for one in records(record) if one.HasField("artifact")]
    (artifact,) = [one for one in logged if one.name == "toy"]
    assert artifact.type == "model"
    files = {entry.path for entry in artifact.manifest.contents}
    assert {"manifest.json", "model_card.md", "weights/weights.safetensors"} <= files
    assert history(record)[0]["accuracy"] == 0.9


@pytest.mark.parametrize("how", [["scripts/registry.py"], ["-m", "scripts.registry"]])
def test_it_starts_by_its_path_and_as_a_module(how, tmp_path):
    done = subprocess.run(
        [sys.executable, *how, "list", "--registry", str(tmp_path / "nothing")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/nothing: there is no registry; `push` makes one\n"


def test_of_two_commands_that_promote_at_once_one_is_told_what_happened(three, tmp_path):
    three("promote", "toy", "3", "--force", "to begin with", *FEW)
    gate = f"_target_:tests.registry.racing.Wait,folder:{tmp_path}/gate,count:2"
    wait = f"+gates.champion.wait={{{gate}}}"
    commands = [
        subprocess.Popen(
            [sys.executable, "scripts/registry.py", "promote", "toy", version, wait, *FEW,
             f"registry={tmp_path}/registry"],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for version in "12"
    ]  # fmt: skip
    said = [command.communicate(timeout=120) for command in commands]
    codes = [command.returncode for command in commands]
    assert sorted(codes) == [0, 1], said
    winner, loser = codes.index(0), codes.index(1)
    assert f"champion of toy is version {winner + 1}, before it was 3." in said[winner][0]
    assert said[loser][1].count("\n") == 1
    assert f"made it version {winner + 1} meanwhile" in said[loser][1]
