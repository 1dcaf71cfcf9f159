"""Who sent this request: digest challenges and what is wrong with their answers."""

import time
from collections.abc import Awaitable, Callable

from callengine.core.reasons import Rule
from callengine.edge.interface import Credentials
from callengine.edge.messages.digest import Answer, Digest, Verdict, answer_in, uri_matches
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.settings import EdgeSettings
from callengine.edge.strangers.warden import Warden
from callengine.edge.transactions.limits import ChallengeWatch
from callengine.edge.transactions.rejections import (
    Rejections,
    code_sent,
    describe,
    header_user,
    source_host,
)
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction

_NO_CREDENTIALS = (
    "The request was challenged and came back without credentials; set user name and password in "
    "the phone, or add its address to a trunk's access list."
)


class Authenticator:
    """Verifies requests; answers them itself when they fail."""

    def __init__(
        self,
        credentials: Callable[[str], Awaitable[Credentials | None]],
        settings: EdgeSettings,
        *,
        responder: Responder,
        rejections: Rejections,
        warden: Warden,
        is_local: Callable[[str], bool],
    ) -> None:
        """Take whom to ask.

        `credentials(user)` finds those of a connection or of a trunk's IN side, and `is_local`
        tells whether a host is this edge.
        """
        self._credentials = credentials
        self._settings = settings
        self._responder = responder
        self._rejections = rejections
        self._warden = warden
        self._is_local = is_local
        self._digest = Digest(
            realm=settings.realm,
            algorithms=settings.digest_algorithms,
            lifetime_s=settings.nonce_lifetime_s,
            secret=settings.nonce_secret,
        )
        self._challenges = ChallengeWatch(settings.challenge_answer_s)

    def sweep(self, now: float) -> None:
        """Have challenges stored that nobody answered; `now` is monotonic seconds."""
        for rejection in self._challenges.unanswered(now):
            self._rejections.store(rejection)

    def challenge(self, transaction: ServerTransaction, *, stale: bool = False) -> None:
        """Answer 401 (RFC 3261 section 22.2); one that nobody answers becomes a rejection."""
        self._send_challenge(transaction, stale=stale)
        rejection = describe(transaction.request, 401, Rule.NO_CREDENTIALS, _NO_CREDENTIALS)
        self._challenges.issued(rejection, time.monotonic())

    def _send_challenge(self, transaction: ServerTransaction, *, stale: bool = False) -> None:
        md5_only = self._needs_md5(transaction.request)
        values = self._digest.challenges(
            time.time(),
            address=self._bound_to(transaction.request),
            stale=stale,
            md5_only=md5_only,
        )
        self._responder.reply(
            transaction, 401, headers=[("www-authenticate", value) for value in values]
        )

    def _bound_to(self, request: Received) -> str:
        """Return the address a nonce belongs to, or nothing where phones may roam with theirs."""
        return "" if self._settings.nonce_any_address else source_host(request)

    def _needs_md5(self, request: Received) -> bool:
        """Tell a client that would give up if it saw SHA-256 (see `EdgeSettings`)."""
        if request.get("user-agent").startswith(self._settings.md5_user_agents):
            return True
        user = header_user(request, "from")
        return self._challenges.gave_up(source_host(request), user)

    def has_answer(self, transaction: ServerTransaction) -> bool:
        """Tell whether a request brings credentials for our realm."""
        return self._answer(transaction) is not None

    def _answer(self, transaction: ServerTransaction) -> Answer | None:
        settings = self._settings
        return answer_in(
            transaction.request, realm=settings.realm, algorithms=settings.digest_algorithms
        )

    async def authenticate(
        self,
        transaction: ServerTransaction,
        accepts: Callable[[Credentials], bool] = lambda _: True,
    ) -> Credentials | None:
        """Return the credentials of whoever sent a request, or None once it has been answered.

        Credentials that `accepts` turns down are treated as a user nobody knows.
        """
        request = transaction.request
        answer = self._answer(transaction)
        if answer is None:
            self.challenge(transaction)
            return None
        self._challenges.answered(source_host(request), request.call_id)
        if not self._may_try(transaction, answer):
            return None
        credentials = await self._credentials(answer.user)
        if credentials is not None and not accepts(credentials):
            credentials = None
        verdict = self._digest.verify(
            answer,
            ha1=_ha1(credentials, answer) if credentials else None,
            method=request.method,
            now=time.time(),
            address=self._bound_to(request),
        )
        if verdict is Verdict.OK and credentials is not None:
            transaction.credit_bytes = None
            self._warden.succeeded(source_host(request), clean(answer.user))
            return self._enabled(transaction, credentials)
        if verdict is Verdict.WRONG and self._is_there(request, answer):
            # Before the answer: who has it may try again at once, and must find the ban in place.
            await self._warden.failed(source_host(request), clean(answer.user))
        self._fail(transaction, verdict, answer, credentials)
        return None

    def _may_try(self, transaction: ServerTransaction, answer: Answer) -> bool:
        """Tell whether an answer is worth a look at the password; if not, the request is answered.

        Nobody is looked up for a nonce that is not ours; an honest client just tries again.
        """
        request, user = transaction.request, clean(answer.user)
        if not uri_matches(answer.uri, request.uri, self._is_local):
            advice = "The credentials were computed for another address; check the phone's proxy."
            self._responder.refuse(transaction, 400, Rule.DIGEST_URI_MISMATCH, advice, user=user)
            return False
        if advice := self._warden.objection(source_host(request), user):
            self._responder.refuse(transaction, 403, Rule.BANNED, advice, user=user)
            return False
        if not self._digest.is_fresh(answer.nonce, time.time(), self._bound_to(request)):
            self._send_challenge(transaction, stale=True)
            return False
        return True

    def _is_there(self, request: Received, answer: Answer) -> bool:
        """Tell whether whoever sent this certainly is at its source address."""
        if request.flow.is_reliable:
            return True
        address = self._bound_to(request)
        return bool(address) and self._digest.is_fresh(answer.nonce, time.time(), address)

    def _enabled(
        self, transaction: ServerTransaction, credentials: Credentials
    ) -> Credentials | None:
        if credentials.enabled:
            return credentials
        advice = f"The {credentials.kind} {credentials.name} is disabled; enable it to let it in."
        rule = Rule(f"{credentials.kind}-disabled")
        self._responder.refuse(transaction, 403, rule, advice, user=credentials.username)
        return None

    def _fail(
        self,
        transaction: ServerTransaction,
        verdict: Verdict,
        answer: Answer,
        credentials: Credentials | None,
    ) -> None:
        """Challenge again; only the stored rejection tells unknown users from wrong passwords."""
        self._send_challenge(transaction, stale=verdict in (Verdict.STALE, Verdict.REPLAYED))
        user = clean(answer.user)
        if verdict is Verdict.STALE:
            return
        if verdict is Verdict.REPLAYED:
            rule = Rule.NONCE_REPLAYED
            advice = (
                f"A request of {user} came twice with the same digest count: the phone repeats "
                "itself, or somebody replays what they recorded."
            )
        else:
            rule, advice = _wrong(answer, credentials)
        code = code_sent(transaction, 401)
        self._rejections.store(describe(transaction.request, code, rule, advice, user=user))


def _wrong(answer: Answer, credentials: Credentials | None) -> tuple[Rule, str]:
    """Return the rule and the advice for credentials that are not right."""
    user = clean(answer.user)
    if credentials is None:
        rule = Rule.UNKNOWN_USER
        advice = f"Nobody here is called `{user}`. The SIP user name is not the display name."
    elif _ha1(credentials, answer) is None:
        rule = Rule.USER_NAME_WITH_REALM
        advice = (
            f"The phone gives {clean(answer.username)} as its user name, and the password was set "
            "before such names could be checked: set it again here, or have the phone give "
            f"{user} alone."
        )
    else:
        rule = Rule.WRONG_PASSWORD
        advice = f"The password of {user} is wrong; set the same one in the phone and here."
    return rule, advice


def _ha1(credentials: Credentials, answer: Answer) -> str | None:
    if answer.algorithm == "SHA-256":
        return (credentials.ha1b_sha256 if answer.names_realm else credentials.ha1_sha256) or None
    return (credentials.ha1b_md5 if answer.names_realm else credentials.ha1_md5) or None
