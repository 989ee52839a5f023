"""Signatures of whole artifacts, by the OpenSSF's model-signing library (extra `signing`).

A signature covers the hash of every file, the manifest among them. It stands in `model.sig`.
"""

from pathlib import Path
from typing import Any

from framework.artifact.contents import SIGNATURE_FILE
from framework.artifact.errors import ArtifactError

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
    except (OSError, ValueError, TypeError) as error:
        expected = "expected an elliptic-curve private key in a PEM file without a password"
        raise ArtifactError(f"{private_key}: {expected} ({_reason(error)})") from error


def verify_signature(path: Path, public_key: Path) -> None:
    """That the holder of the private key signed just these files.

    Raises:
        ArtifactError: it is not signed, signed with another key, or a file is not as it was.
    """
    library, signature = _library("verifying"), path / SIGNATURE_FILE
    if not signature.is_file():
        raise ArtifactError(f"{path}: not signed, as it has no {SIGNATURE_FILE}")
    try:
        config = library.Config().set_hashing_config(_hashing(path))
        config = config.use_elliptic_key_verifier(public_key=public_key)
    except (OSError, ValueError, TypeError) as error:
        expected = "expected an elliptic-curve public key in a PEM file"
        raise ArtifactError(f"{public_key}: {expected} ({_reason(error)})") from error
    try:
        config.verify(path, signature)
    except Exception as error:  # the library's reasons have many types
        raise ArtifactError(
            f"{path}: not as it was signed, or signed with another key ({_reason(error)})"
        ) from error


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
