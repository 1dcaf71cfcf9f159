"""The browser phone's page: what it does goes over its websocket (`consumers`)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.parts.access import requires
from dashboard.parts.named import CALLED
from dashboard.phone.forms import PhoneForm
from sip.selftests import SelfTest
from trunks.parties import MAX_LENGTH, in_words


@requires("callengine.change_call")
def phone(request: HttpRequest) -> HttpResponse:
    """Show the phone; `?to=` is what it is to call."""
    to = request.GET.get("to", "").replace("\x00", "").strip()[:MAX_LENGTH]
    context = {
        "form": PhoneForm(initial={"to": in_words(to, kinds=CALLED)}, auto_id="phone-%s"),
        "tests": list(SelfTest),
        "keys": "123456789*0#",
        "host": request.get_host(),
    }
    return render(request, "phone/phone.html", context)
