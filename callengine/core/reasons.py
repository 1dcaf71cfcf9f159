"""Every way a call ends and every rule that refuses a request, by the word that names it.

`docs/terminations.md` says of each what brings it about, what to do, and which test shows it. The
sentences themselves stand where they are made, because they name who and what was concerned.
"""

from collections.abc import Mapping

TERMINATIONS: Mapping[str, tuple[str, ...]] = {
    "caller-hung-up": ("caller",),
    "callee-hung-up": ("callee",),
    "caller-lost": ("caller",),
    "callee-lost": ("callee",),
    "caller-cancelled": ("caller",),
    "caller-without-media": ("caller",),
    "callee-without-media": ("callee",),
    "callee-busy": ("callee",),
    "callee-declined": ("callee",),
    "callee-forbade": ("callee",),
    "callee-not-found": ("callee",),
    "callee-unavailable": ("callee",),
    "callee-unreachable": ("callee", "engine"),
    "callee-loops": ("callee",),
    "callee-redirected": ("callee",),
    "callee-challenged": ("callee",),
    "callee-failed": ("callee",),
    "trunk-credentials-refused": ("callee",),
    "trunk-credentials-missing": ("callee",),
    "no-common-codec-caller": ("caller", "engine"),
    "no-common-codec-callee": ("callee",),
    "media-encryption-unsupported": ("engine",),
    "media-feedback-unsupported": ("engine",),
    "media-transport-unsupported": ("engine",),
    "media-over-ipv6-unsupported": ("engine",),
    "no-audio": ("engine",),
    "no-media": ("engine",),
    "no-answer": ("engine",),
    "max-duration": ("engine",),
    "operator-hung-up": ("operator",),
    "lab-call-over": ("engine",),
    "transfer-failed": ("engine",),
    "shutting-down": ("engine",),
    "invite-not-accepted": ("engine",),
    "invite-not-taken": ("engine",),
    "no-call-process": ("engine",),
    "no-working-call-process": ("engine",),
    "dial-failed": ("engine",),
    "set-up-failed": ("engine",),
    "call-process-died": ("engine",),
    "engine-restarted": ("engine",),
}
"Who a reason may name."

REJECTIONS: Mapping[str, tuple[int, ...]] = {
    "malformed-sip": (400,),
    "malformed-sdp": (400,),
    "malformed-register": (400,),
    "message-too-large": (513,),
    "message-too-slow": (0,),
    "no-message": (0,),
    "too-many-connections": (0,),
    "too-short-to-answer": (0,),
    "caller-cancelled": (487,),
    "flooding": (0,),
    "crowded-out": (0,),
    "banned": (0,),
    "too-many-sources": (0,),
    "unsupported-version": (505,),
    "unknown-method": (501,),
    "method-not-allowed": (405,),
    "unsupported-uri-scheme": (416,),
    "unsupported-extension": (420,),
    "unsupported-body": (415,),
    "sdp-too-long": (413,),
    "sdp-not-accepted": (406,),
    "session-interval-too-small": (422,),
    "loop-detected": (482,),
    "merged-request": (482,),
    "too-many-hops": (483,),
    "no-credentials": (401,),
    "wrong-password": (401,),
    "unknown-user": (401,),
    "nonce-replayed": (401,),
    "digest-uri-mismatch": (400,),
    "connection-disabled": (403,),
    "trunk-disabled": (403,),
    "source-not-on-access-list": (403,),
    "external-caller-to-trunk": (403,),
    "caller-id-not-its-own": (403,),
    "not-your-address": (403,),
    "contact-not-allowed": (403,),
    "too-many-contacts": (403,),
    "path-not-supported-by-phone": (420,),
    "registration-too-brief": (423,),
    "register-out-of-order": (500,),
    "unknown-number": (404,),
    "destination-disabled": (480,),
    "not-registered": (480,),
    "no-usable-trunk": (503,),
    "no-codec-available": (503,),
    "concurrent-calls-reached": (486,),
    "trunk-calls-reached": (503,),
    "external-calls-reached": (503,),
    "reserved-for-authenticated": (503,),
    "calls-per-minute-reached": (503,),
    "overloaded": (503,),
    "shutting-down": (503,),
    "internal-error": (500,),
}
"""The codes a rule is stored with; 0: nothing was answered, because an answer would have cost more
than it is worth or nobody could be answered. Any of them may be stored with 487 instead, where the
caller gave up before he was told."""

TRANSFERS = (
    "call-not-answered",
    "lab-call",
    "transfers-too-fast",
    "too-many-transfers",
    "no-room-for-another-leg",
)
"Why a transfer rings nobody, beside the reasons and rules above; the call goes on."

BANS = ("wrong-passwords", "many-users-tried")
"Why a source, or one user there, is kept out for a while."
