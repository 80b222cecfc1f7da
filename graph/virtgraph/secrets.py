"""Secrets at rest: AES-GCM with the resource and field as associated data, and keyed hashes that tell whether one changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


class Vault:
    """Encrypts with the key of one file, made at first use with mode 0600.

    A sealed value is `<key id>:<base64 of nonce and ciphertext>`; it opens only as the same field of the same resource.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._digest_key = hashlib.sha256(b"digest" + key).digest()
        self.key_id = hashlib.sha256(b"id" + key).hexdigest()[:8]

    @classmethod
    def open_file(cls, path: Path) -> Vault:
        if not path.exists():
            whole = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(AESGCM.generate_key(256))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(whole, path)
            whole.unlink()
        return cls(path.read_bytes())

    def seal(self, value: str, resource: str, field: str) -> str:
        nonce = os.urandom(NONCE)
        sealed = self._cipher.encrypt(nonce, value.encode(), f"{resource}/{field}".encode())
        return f"{self.key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, resource: str, field: str) -> str:
        """Raises ValueError where the key is another one or the value was moved or changed."""
        key_id, _, body = sealed.partition(":")
        if key_id != self.key_id:
            raise ValueError(f"sealed with the key {key_id}, not with {self.key_id}: restore secret.key")
        raw = base64.b64decode(body)
        try:
            return self._cipher.decrypt(raw[:NONCE], raw[NONCE:], f"{resource}/{field}".encode()).decode()
        except InvalidTag:
            raise ValueError(f"the stored {field} of {resource} was changed or moved") from None

    def digest(self, value: str, resource: str, field: str) -> str:
        """A keyed hash: equal for equal values of the same field, telling nothing without the key."""
        return hmac.new(self._digest_key, f"{resource}/{field}/{value}".encode(), hashlib.sha256).hexdigest()
