"""The one request of Twilio's REST API that servers of agents make to end a call: Status=completed.

An agent's account id is its name here, its secret the password; errors have Twilio's shape.
"""

import base64
import uuid
from http import HTTPStatus

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from agents.dialects.twilio import call_uuid_of
from agents.models import VoiceAgent
from api.keys.guessing import Guesses
from api.keys.services import LONGEST, digest_of
from callengine.models import AgentSession, Call
from callengine.notices.commands import EndByAgent
from callengine.notices.groups import ENGINES, tell
from web.addresses import client_site

guesses = Guesses(
    most=lambda: settings.VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS,
    window_s=lambda: settings.VOIPNUMBER_SIGN_IN_HOLD_S,
)
REDIRECTING = ("Url", "Twiml", "Method", "FallbackUrl")
COMPLETED = "completed"


@csrf_exempt
def update_call(request: HttpRequest, account: str, call: str) -> HttpResponse:
    """End the call, if the agent whose account this is has it."""
    answer = _answer(request, account, call)
    add_never_cache_headers(answer)
    return answer


def _answer(request: HttpRequest, account: str, call: str) -> HttpResponse:
    if request.method != "POST":
        answer = _refused(HTTPStatus.METHOD_NOT_ALLOWED, 20004, "Allowed: POST.")
        answer["Allow"] = "POST"
        return answer
    agent = _authenticated(request, account)
    if not isinstance(agent, VoiceAgent):
        return agent
    wrong = next((name for name in REDIRECTING if name in request.POST), "")
    if wrong:
        return _refused(
            HTTPStatus.BAD_REQUEST, 20001, f"{wrong} is not done here. Allowed: Status={COMPLETED}."
        )
    status = request.POST.get("Status", "")
    if status != COMPLETED:
        what = f"Status {status[:50]!r} is not allowed. Allowed: {COMPLETED}."
        return _refused(HTTPStatus.BAD_REQUEST, 20001, what)
    call_uuid = _call_of(agent, call)
    if call_uuid is None:
        text = "This agent has no such call, or it has ended."
        return _refused(HTTPStatus.NOT_FOUND, 20404, text)
    async_to_sync(tell)(ENGINES, EndByAgent(call=str(call_uuid), agent=agent.name))
    return JsonResponse({"sid": call, "account_sid": account, "status": COMPLETED})


def _authenticated(request: HttpRequest, account: str) -> VoiceAgent | HttpResponse:
    name, secret = _credentials(request.headers.get("Authorization", ""))
    site, digest = client_site(request) or "", digest_of(f"{name}:{secret}")
    hold_s = guesses.hold_s(site, digest)
    if hold_s:
        text = f"Too many wrong passwords came from this address. Try again in {hold_s} s."
        answer = _refused(HTTPStatus.TOO_MANY_REQUESTS, 20429, text)
        answer["Retry-After"] = str(hold_s)
        return answer
    agent = _agent_of(name) if name == account else None
    if agent is None or not agent.secret or not constant_time_compare(secret, agent.secret):
        if name or secret:
            guesses.was_wrong(site, digest)
        answer = _refused(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
        answer["WWW-Authenticate"] = 'Basic realm="api"'
        return answer
    guesses.was_right(digest)
    return agent


def _credentials(header: str) -> tuple[str, str]:
    """Return name and password of Basic authentication (RFC 7617); nothing if there are none."""
    word, _, rest = header.strip().partition(" ")
    if word.lower() != "basic" or len(rest) > 20 * LONGEST:
        return "", ""
    try:
        name, _, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64, not UTF-8
        return "", ""
    return name, secret


def _agent_of(account: str) -> VoiceAgent | None:
    try:
        uid = uuid.UUID(hex=account.removeprefix("AC"))
    except ValueError:
        return None
    agent = VoiceAgent.objects.filter(uid=uid, dialect="twilio").first()
    return agent if agent is not None and agent.account == account else None


def _call_of(agent: VoiceAgent, sid: str) -> uuid.UUID | None:
    """Return a call under way that this agent has, as far as is on record."""
    digits = call_uuid_of(sid)
    call = Call.objects.filter(pk=digits, ended=None).first() if digits else None
    if call is None:
        return None
    names = set(AgentSession.objects.filter(call=call).values_list("name", flat=True))
    # Without a session on record yet the engine knows, which looks once more.
    return call.pk if not names or agent.name in names else None


def _refused(status: HTTPStatus, code: int, message: str) -> JsonResponse:
    body = {"code": code, "message": message, "more_info": "", "status": int(status)}
    return JsonResponse(body, status=status)
