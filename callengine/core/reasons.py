"""Every way a call ends and every rule that refuses a request, by the word that names it.

The words are the same in database, pages, files and logs. `docs/terminations.md` says of each what
brings it about, what to do, and which test shows it. The sentences themselves stand where they are
made, because they name who and what was concerned.
"""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """Why a call ended, or a transfer of it came to nothing."""

    CALLER_HUNG_UP = "caller-hung-up"
    CALLEE_HUNG_UP = "callee-hung-up"
    CALLER_LOST = "caller-lost"
    CALLEE_LOST = "callee-lost"
    CALLER_CANCELLED = "caller-cancelled"
    CALLER_WITHOUT_MEDIA = "caller-without-media"
    CALLEE_WITHOUT_MEDIA = "callee-without-media"
    CALLEE_BUSY = "callee-busy"
    CALLEE_DECLINED = "callee-declined"
    CALLEE_FORBADE = "callee-forbade"
    CALLEE_NOT_FOUND = "callee-not-found"
    CALLEE_UNAVAILABLE = "callee-unavailable"
    CALLEE_UNREACHABLE = "callee-unreachable"
    CALLEE_LOOPS = "callee-loops"
    CALLEE_REDIRECTED = "callee-redirected"
    CALLEE_CHALLENGED = "callee-challenged"
    CALLEE_FAILED = "callee-failed"
    TRUNK_CREDENTIALS_REFUSED = "trunk-credentials-refused"
    TRUNK_CREDENTIALS_MISSING = "trunk-credentials-missing"
    NO_COMMON_CODEC_CALLER = "no-common-codec-caller"
    NO_COMMON_CODEC_CALLEE = "no-common-codec-callee"
    MEDIA_ENCRYPTION_UNSUPPORTED = "media-encryption-unsupported"
    MEDIA_NOT_ENCRYPTED = "media-not-encrypted"
    MEDIA_TRANSPORT_UNSUPPORTED = "media-transport-unsupported"
    MEDIA_OVER_IPV6_UNSUPPORTED = "media-over-ipv6-unsupported"
    NO_AUDIO = "no-audio"
    NO_MEDIA = "no-media"
    SESSION_EXPIRED = "session-expired"
    NO_ANSWER = "no-answer"
    MAX_DURATION = "max-duration"
    AGENT_UNREACHABLE = "agent-unreachable"
    AGENT_REFUSED = "agent-refused"
    AGENT_BUSY = "agent-busy"
    AGENT_NOT_READY = "agent-not-ready"
    AGENT_LOST = "agent-lost"
    AGENT_EXPIRED = "agent-expired"
    AGENT_ENDED = "agent-ended"
    AGENT_SILENT = "agent-silent"
    AGENT_DURATION = "agent-duration"
    JOINED_WITH_ANOTHER = "joined-with-another"
    PICKED_UP = "picked-up"
    HANDED_TO_CARRIER = "handed-to-carrier"
    OPERATOR_HUNG_UP = "operator-hung-up"
    LAB_CALL_OVER = "lab-call-over"
    TRANSFER_FAILED = "transfer-failed"
    SHUTTING_DOWN = "shutting-down"
    INVITE_NOT_ACCEPTED = "invite-not-accepted"
    INVITE_NOT_TAKEN = "invite-not-taken"
    NO_CALL_PROCESS = "no-call-process"
    NO_WORKING_CALL_PROCESS = "no-working-call-process"
    DIAL_FAILED = "dial-failed"
    LEG_FAILED = "leg-failed"
    SET_UP_FAILED = "set-up-failed"
    CALL_PROCESS_DIED = "call-process-died"
    ENGINE_RESTARTED = "engine-restarted"
    NODE_LOST = "node-lost"
    CALL_NOT_ANSWERED = "call-not-answered"
    LAB_CALL = "lab-call"
    TRANSFERS_TOO_FAST = "transfers-too-fast"
    TOO_MANY_TRANSFERS = "too-many-transfers"
    NO_ROOM_FOR_ANOTHER_LEG = "no-room-for-another-leg"
    REFER_DECLINED = "refer-declined"


class Rule(StrEnum):
    """What refuses a request that never became a call."""

    MALFORMED_SIP = "malformed-sip"
    MALFORMED_SDP = "malformed-sdp"
    MALFORMED_REGISTER = "malformed-register"
    MESSAGE_TOO_LARGE = "message-too-large"
    MESSAGE_TOO_SLOW = "message-too-slow"
    NO_MESSAGE = "no-message"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    NOT_TLS = "not-tls"
    TLS_TOO_OLD = "tls-too-old"
    TLS_TOO_SLOW = "tls-too-slow"
    TLS_FAILED = "tls-failed"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    CLIENT_CERTIFICATE_MISSING = "client-certificate-missing"
    CLIENT_CERTIFICATE_REFUSED = "client-certificate-refused"
    TOO_SHORT_TO_ANSWER = "too-short-to-answer"
    RESPONSE_UNDELIVERED = "response-undelivered"
    CALLER_CANCELLED = "caller-cancelled"
    FLOODING = "flooding"
    CROWDED_OUT = "crowded-out"
    BANNED = "banned"
    TOO_MANY_SOURCES = "too-many-sources"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNKNOWN_METHOD = "unknown-method"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNSUPPORTED_URI_SCHEME = "unsupported-uri-scheme"
    UNSUPPORTED_EXTENSION = "unsupported-extension"
    UNSUPPORTED_BODY = "unsupported-body"
    SDP_TOO_LONG = "sdp-too-long"
    SDP_NOT_ACCEPTED = "sdp-not-accepted"
    SESSION_INTERVAL_TOO_SMALL = "session-interval-too-small"
    LOOP_DETECTED = "loop-detected"
    MERGED_REQUEST = "merged-request"
    TOO_MANY_HOPS = "too-many-hops"
    NO_CREDENTIALS = "no-credentials"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105
    USER_NAME_WITH_REALM = "user-name-with-realm"
    UNKNOWN_USER = "unknown-user"
    NONCE_REPLAYED = "nonce-replayed"
    DIGEST_URI_MISMATCH = "digest-uri-mismatch"
    CONNECTION_DISABLED = "connection-disabled"
    TRUNK_DISABLED = "trunk-disabled"
    TRUNK_CONDITION_UNMET = "trunk-condition-unmet"
    SOURCE_NOT_ON_ACCESS_LIST = "source-not-on-access-list"
    EXTERNAL_CALLER_TO_TRUNK = "external-caller-to-trunk"
    CALLER_ID_NOT_ITS_OWN = "caller-id-not-its-own"
    NUMBER_FILTERED = "number-filtered"
    NOT_YOUR_ADDRESS = "not-your-address"
    CONTACT_NOT_ALLOWED = "contact-not-allowed"
    TOO_MANY_CONTACTS = "too-many-contacts"
    PATH_NOT_SUPPORTED_BY_PHONE = "path-not-supported-by-phone"
    REGISTRATION_TOO_BRIEF = "registration-too-brief"
    REGISTER_OUT_OF_ORDER = "register-out-of-order"
    UNKNOWN_NUMBER = "unknown-number"
    DESTINATION_DISABLED = "destination-disabled"
    NOT_REGISTERED = "not-registered"
    SIPS_WITHOUT_TLS = "sips-without-tls"
    NO_USABLE_TRUNK = "no-usable-trunk"
    NO_CODEC_AVAILABLE = "no-codec-available"
    CONCURRENT_CALLS_REACHED = "concurrent-calls-reached"
    CALLER_AT_ITS_LIMIT = "caller-at-its-limit"
    TRUNK_CALLS_REACHED = "trunk-calls-reached"
    OUTSIDE_FORBIDDEN = "outside-forbidden"
    INTERNATIONAL_FORBIDDEN = "international-forbidden"
    COUNTRY_FORBIDDEN = "country-forbidden"
    PREMIUM_RATE_FORBIDDEN = "premium-rate-forbidden"
    CALLS_PER_SECOND_REACHED = "calls-per-second-reached"
    DAILY_MINUTES_REACHED = "daily-minutes-reached"
    NO_DIALOG_TO_REPLACE = "no-dialog-to-replace"
    REPLACES_FORBIDDEN = "replaces-forbidden"
    REPLACES_DECLINED = "replaces-declined"
    REPLACES_TOO_LATE = "replaces-too-late"
    REPLACES_TOO_EARLY = "replaces-too-early"
    EXTERNAL_CALLS_REACHED = "external-calls-reached"
    RESERVED_FOR_AUTHENTICATED = "reserved-for-authenticated"
    CALLS_PER_MINUTE_REACHED = "calls-per-minute-reached"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting-down"
    INTERNAL_ERROR = "internal-error"


TERMINATIONS: Mapping[Reason, tuple[str, ...]] = {
    Reason.CALLER_HUNG_UP: ("caller",),
    Reason.CALLEE_HUNG_UP: ("callee",),
    Reason.CALLER_LOST: ("caller",),
    Reason.CALLEE_LOST: ("callee",),
    Reason.CALLER_CANCELLED: ("caller",),
    Reason.CALLER_WITHOUT_MEDIA: ("caller",),
    Reason.CALLEE_WITHOUT_MEDIA: ("callee",),
    Reason.CALLEE_BUSY: ("callee",),
    Reason.CALLEE_DECLINED: ("callee",),
    Reason.CALLEE_FORBADE: ("callee",),
    Reason.CALLEE_NOT_FOUND: ("callee",),
    Reason.CALLEE_UNAVAILABLE: ("callee",),
    Reason.CALLEE_UNREACHABLE: ("callee", "engine"),
    Reason.CALLEE_LOOPS: ("callee",),
    Reason.CALLEE_REDIRECTED: ("callee",),
    Reason.CALLEE_CHALLENGED: ("callee",),
    Reason.CALLEE_FAILED: ("callee",),
    Reason.TRUNK_CREDENTIALS_REFUSED: ("callee",),
    Reason.TRUNK_CREDENTIALS_MISSING: ("callee",),
    Reason.NO_COMMON_CODEC_CALLER: ("caller", "engine"),
    Reason.NO_COMMON_CODEC_CALLEE: ("callee",),
    Reason.MEDIA_ENCRYPTION_UNSUPPORTED: ("engine",),
    Reason.MEDIA_NOT_ENCRYPTED: ("engine",),
    Reason.MEDIA_TRANSPORT_UNSUPPORTED: ("engine",),
    Reason.MEDIA_OVER_IPV6_UNSUPPORTED: ("engine",),
    Reason.NO_AUDIO: ("engine",),
    Reason.NO_MEDIA: ("engine",),
    Reason.SESSION_EXPIRED: ("engine",),
    Reason.NO_ANSWER: ("engine",),
    Reason.MAX_DURATION: ("engine",),
    Reason.AGENT_UNREACHABLE: ("callee",),
    Reason.AGENT_REFUSED: ("callee",),
    Reason.AGENT_BUSY: ("callee",),
    Reason.AGENT_NOT_READY: ("callee",),
    Reason.AGENT_LOST: ("callee",),
    Reason.AGENT_EXPIRED: ("callee",),
    Reason.AGENT_ENDED: ("callee",),
    Reason.AGENT_SILENT: ("engine",),
    Reason.AGENT_DURATION: ("engine",),
    Reason.JOINED_WITH_ANOTHER: ("caller", "callee"),
    Reason.PICKED_UP: ("engine",),
    Reason.HANDED_TO_CARRIER: ("caller", "callee", "operator"),
    Reason.OPERATOR_HUNG_UP: ("operator",),
    Reason.LAB_CALL_OVER: ("engine",),
    Reason.TRANSFER_FAILED: ("engine",),
    Reason.SHUTTING_DOWN: ("engine",),
    Reason.INVITE_NOT_ACCEPTED: ("engine",),
    Reason.INVITE_NOT_TAKEN: ("engine",),
    Reason.NO_CALL_PROCESS: ("engine",),
    Reason.NO_WORKING_CALL_PROCESS: ("engine",),
    Reason.DIAL_FAILED: ("engine",),
    Reason.LEG_FAILED: ("engine",),
    Reason.SET_UP_FAILED: ("engine",),
    Reason.CALL_PROCESS_DIED: ("engine",),
    Reason.ENGINE_RESTARTED: ("engine",),
    Reason.NODE_LOST: ("engine",),
}
"Who a reason may name."

REJECTIONS: Mapping[Rule, tuple[int, ...]] = {
    Rule.MALFORMED_SIP: (400,),
    Rule.MALFORMED_SDP: (400,),
    Rule.MALFORMED_REGISTER: (400,),
    Rule.MESSAGE_TOO_LARGE: (513,),
    Rule.MESSAGE_TOO_SLOW: (0,),
    Rule.NO_MESSAGE: (0,),
    Rule.TOO_MANY_CONNECTIONS: (0,),
    Rule.NOT_TLS: (0,),
    Rule.TLS_TOO_OLD: (0,),
    Rule.TLS_TOO_SLOW: (0,),
    Rule.TLS_FAILED: (0,),
    Rule.CERTIFICATE_NOT_TRUSTED: (0,),
    Rule.CLIENT_CERTIFICATE_MISSING: (0,),
    Rule.CLIENT_CERTIFICATE_REFUSED: (0,),
    Rule.TOO_SHORT_TO_ANSWER: (0,),
    Rule.RESPONSE_UNDELIVERED: (0,),
    Rule.CALLER_CANCELLED: (487,),
    Rule.FLOODING: (0,),
    Rule.CROWDED_OUT: (0,),
    Rule.BANNED: (0,),
    Rule.TOO_MANY_SOURCES: (0,),
    Rule.UNSUPPORTED_VERSION: (505,),
    Rule.UNKNOWN_METHOD: (501,),
    Rule.METHOD_NOT_ALLOWED: (405,),
    Rule.UNSUPPORTED_URI_SCHEME: (416,),
    Rule.UNSUPPORTED_EXTENSION: (420,),
    Rule.UNSUPPORTED_BODY: (415,),
    Rule.SDP_TOO_LONG: (413,),
    Rule.SDP_NOT_ACCEPTED: (406,),
    Rule.SESSION_INTERVAL_TOO_SMALL: (422,),
    Rule.LOOP_DETECTED: (482,),
    Rule.MERGED_REQUEST: (482,),
    Rule.TOO_MANY_HOPS: (483,),
    Rule.NO_CREDENTIALS: (401,),
    Rule.WRONG_PASSWORD: (401,),
    Rule.USER_NAME_WITH_REALM: (401,),
    Rule.UNKNOWN_USER: (401,),
    Rule.NONCE_REPLAYED: (401,),
    Rule.DIGEST_URI_MISMATCH: (400,),
    Rule.CONNECTION_DISABLED: (403,),
    Rule.TRUNK_DISABLED: (403,),
    Rule.TRUNK_CONDITION_UNMET: (403,),
    Rule.SOURCE_NOT_ON_ACCESS_LIST: (403,),
    Rule.EXTERNAL_CALLER_TO_TRUNK: (403,),
    Rule.CALLER_ID_NOT_ITS_OWN: (403,),
    Rule.NUMBER_FILTERED: (403,),
    Rule.NOT_YOUR_ADDRESS: (403,),
    Rule.CONTACT_NOT_ALLOWED: (403,),
    Rule.TOO_MANY_CONTACTS: (403,),
    Rule.PATH_NOT_SUPPORTED_BY_PHONE: (420,),
    Rule.REGISTRATION_TOO_BRIEF: (423,),
    Rule.REGISTER_OUT_OF_ORDER: (500,),
    Rule.UNKNOWN_NUMBER: (404,),
    Rule.DESTINATION_DISABLED: (480,),
    Rule.NOT_REGISTERED: (480,),
    Rule.SIPS_WITHOUT_TLS: (480,),
    Rule.NO_USABLE_TRUNK: (503,),
    Rule.NO_CODEC_AVAILABLE: (503,),
    Rule.CONCURRENT_CALLS_REACHED: (486,),
    Rule.CALLER_AT_ITS_LIMIT: (503,),
    Rule.TRUNK_CALLS_REACHED: (503,),
    Rule.OUTSIDE_FORBIDDEN: (403,),
    Rule.INTERNATIONAL_FORBIDDEN: (403,),
    Rule.COUNTRY_FORBIDDEN: (403,),
    Rule.PREMIUM_RATE_FORBIDDEN: (403,),
    Rule.CALLS_PER_SECOND_REACHED: (503,),
    Rule.DAILY_MINUTES_REACHED: (403,),
    Rule.NO_DIALOG_TO_REPLACE: (481,),
    Rule.REPLACES_FORBIDDEN: (403,),
    Rule.REPLACES_DECLINED: (603,),
    Rule.REPLACES_TOO_LATE: (486,),
    Rule.REPLACES_TOO_EARLY: (491,),
    Rule.EXTERNAL_CALLS_REACHED: (503,),
    Rule.RESERVED_FOR_AUTHENTICATED: (503,),
    Rule.CALLS_PER_MINUTE_REACHED: (503,),
    Rule.OVERLOADED: (503,),
    Rule.SHUTTING_DOWN: (503,),
    Rule.INTERNAL_ERROR: (500,),
}
"""The codes a rule is stored with; 0: nothing was answered, because an answer would have cost more
than it is worth or nobody could be answered. Any of them may be stored with 487 instead, where the
caller gave up before he was told."""

TRANSFERS = (
    Reason.CALL_NOT_ANSWERED,
    Reason.LAB_CALL,
    Reason.TRANSFERS_TOO_FAST,
    Reason.TOO_MANY_TRANSFERS,
    Reason.NO_ROOM_FOR_ANOTHER_LEG,
    Reason.REFER_DECLINED,
)
"Why a transfer rings nobody, beside the reasons and rules above; the call goes on."

BANS = ("wrong-passwords", "many-users-tried")
"Why a source, or one user there, is kept out for a while."
