"""Digest challenges of gateways and registrars: what is answered, and how pjsip is told. Pure.

pjsip answers MD5 and SHA-256, with qop=auth or without. Any other challenge (RFC 7616: -sess,
auth-int, SHA-512-256) is shown to it as one of those, and what was asked travels in `opaque`, which
comes back as it was (section 3.4). The response is computed by the edge, for the URI a peer sees.
"""

from dataclasses import dataclass

from callengine.edge.messages.grammar import parse_params, split_quoted, split_scheme
from sip.digest import SPOKEN

_MOST = {"realm": 128, "nonce": 512, "opaque": 256}
"Characters of the quoted parameters."
_TOLD = ("MD5", "SHA-256")
"What pjsip answers."
_MARK = "asked-for"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate of the Digest scheme that can be answered."""

    realm: str
    nonce: str
    opaque: str | None = None
    algorithm: str = ""
    "As SPOKEN has it; empty where none was named, which is MD5."
    qop: str = ""
    "auth, auth-int or nothing."
    is_stale: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether pjsip itself can answer it as it is."""
        is_marked = (self.opaque or "").startswith(f"{_MARK} ")
        is_spoken = self.algorithm in ("", *_TOLD) and self.qop != "auth-int"
        return is_spoken and not is_marked

    @property
    def told(self) -> str:
        """The value as a call process is to see it."""
        if self.is_plain:
            return _text(self)
        # -sess needs a cnonce (RFC 7616 section 3.4.2), which pjsip makes for qop=auth alone.
        plain = Challenge(self.realm, self.nonce, _marked(self), "MD5", "auth", self.is_stale)
        return _text(plain)


def _text(challenge: Challenge) -> str:
    quoted = {"realm": challenge.realm, "nonce": challenge.nonce, "opaque": challenge.opaque}
    items = [f'{name}="{escaped(value)}"' for name, value in quoted.items() if value is not None]
    items += [f"algorithm={challenge.algorithm}"] if challenge.algorithm else []
    items += ["stale=true"] if challenge.is_stale else []
    items += [f'qop="{challenge.qop}"'] if challenge.qop else []
    return f"Digest {', '.join(items)}"


def _marked(challenge: Challenge) -> str:
    has_opaque = "" if challenge.opaque is None else f" {challenge.opaque}"
    return f"{_MARK} {challenge.algorithm or '-'} {challenge.qop or '-'}{has_opaque}"


def asked_for(opaque: str | None) -> tuple[str, str, str | None] | None:
    """Return algorithm, qop and opaque of the challenge that was shown as another, or None."""
    mark, *rest = (opaque or "").split(" ", 3)
    if mark != _MARK or len(rest) < 2 or rest[0] not in ("-", *SPOKEN):
        return None
    algorithm, qop, *own = rest
    return algorithm.strip("-") or "MD5", "" if qop == "-" else qop, own[0] if own else None


def escaped(value: str) -> str:
    """Return what stands between the quotes of a quoted string."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def read_challenge(text: str) -> Challenge | None:
    """Return a challenge that can be answered (RFC 7616 section 3.3), or None."""
    scheme, rest = split_scheme(text)
    params = parse_params(split_quoted(rest, ","))
    algorithm = (params.get("algorithm") or "MD5").upper()
    if scheme != "digest" or algorithm not in SPOKEN:
        return None
    realm, nonce = params.get("realm"), params.get("nonce")
    if realm is None or not nonce:
        return None
    for name, most in _MOST.items():
        value = params.get(name) or ""
        if len(value) > most or not value.isprintable():
            return None
    qops = [item.strip().lower() for item in (params.get("qop") or "").split(",")]
    qop = next((one for one in ("auth", "auth-int") if one in qops), "")
    if any(qops) and not qop:
        return None
    return Challenge(
        realm=realm,
        nonce=nonce,
        opaque=params.get("opaque"),
        algorithm=algorithm if "algorithm" in params else "",
        qop=qop,
        is_stale=(params.get("stale") or "").lower() == "true",
    )


def best(challenges: list[Challenge]) -> list[Challenge]:
    """Return them in their order; of one realm, those pjsip answers as they are if there are any.

    Two that are shown alike would be answered as one.
    """
    plain = {challenge.realm for challenge in challenges if challenge.is_plain}
    kept: list[Challenge] = []
    for challenge in challenges:
        again = any(one.realm == challenge.realm for one in kept)
        if challenge.is_plain or not (challenge.realm in plain or again):
            kept.append(challenge)
    return kept
