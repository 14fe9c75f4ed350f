"""Tokens signed with an RSA key (RFC 7515, RFC 8017 8.2): just enough to sign an assertion."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The hash of each algorithm with the DER header that stands before it in a signature (RFC 8017 9.2).
_HASHES = {
    "RS256": ("sha256", bytes.fromhex("3031300d060960864801650304020105000420")),
    "RS384": ("sha384", bytes.fromhex("3041300d060960864801650304020205000430")),
    "RS512": ("sha512", bytes.fromhex("3051300d060960864801650304020305000440")),
}
_PEM = re.compile(r"-----BEGIN (RSA PRIVATE KEY|PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04


class RsaKey(NamedTuple):
    """A private key: the modulus and the private exponent."""

    modulus: int
    exponent: int


def signed_token(claims: Mapping[str, Any], pem: str, *, algorithm: str, key_id: str = "") -> str:
    """The claims as a signed token in compact form; ValueError when the key is no RSA key in PEM."""
    header = {"alg": algorithm, "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    text = f"{_encoded(msgspec.json.encode(header))}.{_encoded(msgspec.json.encode(claims))}"
    return f"{text}.{_encoded(_signature(text.encode(), private_key(pem), algorithm))}"


def private_key(pem: str) -> RsaKey:
    """Read a key in PKCS #1 or, unencrypted, in PKCS #8 form."""
    if (found := _PEM.search(pem)) is None:
        raise ValueError("there is no unencrypted RSA key in PEM form")
    try:
        der = base64.b64decode("".join(found[2].split()), validate=True)
        parts = list(_elements(_first(der, _SEQUENCE)))
        if found[1] == "PRIVATE KEY":
            inner = next(body for tag, body in parts if tag == _OCTETS)
            parts = list(_elements(_first(inner, _SEQUENCE)))
        numbers = [int.from_bytes(body, "big") for tag, body in parts if tag == _INTEGER]
        return RsaKey(modulus=numbers[1], exponent=numbers[3])
    except (binascii.Error, IndexError, StopIteration) as error:
        raise ValueError("the RSA key is damaged, or it is a key of another kind") from error


def _signature(text: bytes, key: RsaKey, algorithm: str) -> bytes:
    name, prefix = _HASHES[algorithm]
    digest = prefix + hashlib.new(name, text).digest()
    size = (key.modulus.bit_length() + 7) // 8
    if size < len(digest) + 11:
        raise ValueError("the RSA key is too short for the signature algorithm")
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(padded, "big"), key.exponent, key.modulus).to_bytes(size, "big")


def _first(der: bytes, wanted: int) -> bytes:
    tag, body = next(_elements(der))
    if tag != wanted:
        raise IndexError(tag)
    return body


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER value, as tag and content.

    element = tag ( length < 0x80 | 0x80 + n, n bytes of length ) content
    """
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        yield tag, der[at : at + length]
        at += length


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
