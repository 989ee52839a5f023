"""Signatures of whole artifacts, by the OpenSSF's model-signing library (extra `signing`).

A signature covers the hash of every file, the manifest among them. It stands in `model.sig`.
"""

import shlex
from pathlib import Path
from typing import Any

from framework.artifact.contents import SIGNATURE_FILE
from framework.artifact.errors import ArtifactError, InvalidInput

_INSTALL = "pip install 'model-signing>=1.1' pyOpenSSL (the extra `signing`)"


def sign(path: Path, private_key: Path) -> Path:
    """Signs the artifact with an elliptic-curve key (PEM); returns the signature's path.

    Raises:
        ArtifactError: the key cannot be used, or the library is not installed.
    """
    library, signature = _library("signing"), path / SIGNATURE_FILE
    check_key(private_key)
    hashing = _hashing(path)
    config = library.Config().set_hashing_config(hashing)
    config.use_elliptic_key_signer(private_key=private_key).sign(path, signature)
    return signature


def check_key(private_key: Path) -> None:
    """That `sign` can use the key.

    Raises:
        ArtifactError: it cannot.
    """
    library = _library("signing")
    try:
        library.Config().use_elliptic_key_signer(private_key=private_key)
    except Exception as error:  # of keys of other kinds it raises what it likes
        expected = "expected an elliptic-curve private key in a PEM file without a password"
        raise ArtifactError(f"{private_key}: {expected} ({_reason(error)})") from error


def check_public_key(public_key: Path) -> None:
    """That `verify_signature` can use the key, whatever the artifact.

    Raises:
        InvalidInput: it is not there, no key, or the private one; the line says what to do.
        ArtifactError: the library is not installed.
    """
    if not public_key.is_file():
        raise InvalidInput(f"{public_key}: there is no such file; expected a public key (PEM)")
    library = _library("verifying")
    try:
        library.Config().use_elliptic_key_verifier(public_key=public_key)
    except Exception as error:  # of keys of other kinds it raises what it likes
        raise InvalidInput(f"{public_key}: {_no_public_key(public_key, error)}") from error


def verify_signature(path: Path, public_key: Path) -> None:
    """That the holder of the private key signed just these files.

    Raises:
        ArtifactError: it is not signed, signed with another key, or a file is not as it was.
        InvalidInput: the key cannot be used.
    """
    check_public_key(public_key)
    library, signature = _library("verifying"), path / SIGNATURE_FILE
    if not signature.is_file():
        raise ArtifactError(f"{path}: not signed, as it has no {SIGNATURE_FILE}")
    config = library.Config().set_hashing_config(_hashing(path))
    config.use_elliptic_key_verifier(public_key=public_key)
    try:
        config.verify(path, signature)
    except Exception as error:  # the library's reasons have many types
        raise ArtifactError(
            f"{path}: not as it was signed, or signed with another key ({_reason(error)})"
        ) from error


def _no_public_key(path: Path, error: Exception) -> str:
    """Why a file that the library refused is none, and what to do."""
    if isinstance(error, OSError) or b"PRIVATE KEY-----" not in path.read_bytes():
        return f"expected an elliptic-curve public key in a PEM file ({_reason(error)})"
    public = path.with_name(f"{path.stem}.public.pem")  # another file, whatever the suffix
    make = shlex.join(["openssl", "ec", "-in", str(path), "-pubout", "-out", str(public)])
    return f"a private key; expected the public one of it, which `{make}` makes"


def _hashing(path: Path) -> Any:
    config = _library("hashing").Config()
    return config.set_ignored_paths(paths=[path / SIGNATURE_FILE], ignore_git_paths=False)


def _library(part: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"model_signing.{part}")
    except ImportError as error:  # model-signing does not say that it needs pyOpenSSL
        missing = error.name or "model_signing"
        raise ArtifactError(f"signatures need the package {missing}: {_INSTALL}") from None


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
