"""HA1, the digest of a password that stands for it (RFC 7616 section 3.4.2, RFC 8760)."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

HASHES: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = MappingProxyType(
    # MD5 is what the phones speak (RFC 3261 section 22.4); whoever can do SHA-256 is asked first.
    {"MD5": partial(hashlib.md5, usedforsecurity=False), "SHA-256": hashlib.sha256}
)
"By the names of algorithms in a challenge of ours."


def _sha512_256(data: bytes) -> "hashlib._Hash":
    return hashlib.new("sha512_256", data)


_ALL = (*HASHES, *(("SHA-512-256",) if "sha512_256" in hashlib.algorithms_available else ()))
SPOKEN: Mapping[str, str] = MappingProxyType(
    {name + sess.upper(): name + sess for name in _ALL for sess in ("", "-sess")}
)
"""Algorithms of challenges that are answered, in capitals, and as RFC 7616 section 3.3 writes them.

Of those that end in -sess the key is one of nonce and cnonce, too.
"""


def hash_text(algorithm: str, text: str) -> str:
    """Return the digest of a text by the hash of an algorithm, in lower-case hexadecimal digits."""
    made = HASHES.get(algorithm.removesuffix("-SESS"), _sha512_256)
    return made(text.encode("utf-8", "surrogateescape")).hexdigest()


class KeptHa1(NamedTuple):
    """What is kept of a password, in lower-case hexadecimal digits; all empty for none.

    A digest binds the user name. Some phones give `user@realm` as theirs, so there is one pair for
    the user name alone and one for that.
    """

    realm: str = ""
    md5: str = ""
    sha256: str = ""
    with_realm_md5: str = ""
    with_realm_sha256: str = ""


def digest_ha1(algorithm: str, *, username: str, realm: str, password: str) -> str:
    """Return H(username:realm:password) in lower-case hexadecimal digits.

    Of a -sess algorithm it is what the nonces are added to.
    """
    return hash_text(algorithm, f"{username}:{realm}:{password}")


def kept_ha1(*, username: str, realm: str, password: str) -> KeptHa1:
    """Return everything that is kept of a user's password."""
    if not password:
        return KeptHa1()
    digests = [
        digest_ha1(algorithm, username=name, realm=realm, password=password)
        for name in (username, f"{username}@{realm}")
        for algorithm in HASHES
    ]
    return KeptHa1(realm, *digests)
