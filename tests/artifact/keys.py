"""Pairs of keys, made as the documentation says."""

import subprocess
from pathlib import Path

PUBLIC = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd/9JpZWp7M9NKlePDo9FuhQmUmjL
0vSjS73eSOKZ4eBNcAv0ltfhnGhefgjB21oOa+KJs1OciyJtS+Dp8/Xl8Q==
-----END PUBLIC KEY-----
"""  # whose private one nobody has


def make_key(folder: Path, name: str, curve: str = "prime256v1") -> tuple[Path, Path]:
    """A private and a public key, by OpenSSL."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    make = ["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", private]
    show = ["openssl", "ec", "-in", private, "-pubout", "-out", public]
    for words in (make, show):
        subprocess.run(words, check=True, capture_output=True)
    return private, public
