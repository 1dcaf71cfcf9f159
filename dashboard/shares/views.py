"""Making and revoking links, and the one page that asks for no account."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from callengine.models import Call, CallShare
from dashboard.parts.access import is_fragment, requires
from dashboard.shares import presenters, services
from dashboard.shares.forms import ShareForm
from dashboard.shares.rates import Rate
from web.addresses import client_site

ADMINS = "callengine.add_callshare"
LOOKS_A_MINUTE = 60
RATE = Rate(most=LOOKS_A_MINUTE, window_s=60.0)
"Of each address; a page is one, as styles and icons are not counted."
PRIVATE = {
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
}


@requires("callengine.view_callshare", post=ADMINS)
def call_shares(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Show the links to a call's record; make one, which is shown once."""
    call = get_object_or_404(Call, pk=call_uuid)
    form, link, status = None, "", HTTPStatus.OK
    if request.method == "POST":
        form = ShareForm(request.POST)
        if form.is_valid():
            user = request.user.get_username()
            token = services.share(call, by=user, **form.cleaned_data)
            link = request.build_absolute_uri(reverse("shared-call", args=[token]))
            form = None
        else:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = presenters.card(call, form=form, link=link)
    template = "shares/_card.html" if is_fragment(request) else "shares/card.html"
    return render(request, template, context, status=status)


@requires(post=ADMINS)
def share_revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    """Have a link lead nowhere any more."""
    row = get_object_or_404(CallShare.objects.select_related("call"), pk=share_id)
    services.revoke(row)
    if is_fragment(request):
        return render(request, "shares/_card.html", presenters.card(row.call))
    return redirect(f"{reverse('call', args=[row.call_id])}#share-part")


@require_safe
@never_cache
def shared_call(request: HttpRequest, token: str) -> HttpResponse:
    """Show a call's record to whoever has the link."""
    held_s = RATE.hold_s(client_site(request) or "")
    row = None if held_s else services.find(token)
    if row is None:
        status = HTTPStatus.TOO_MANY_REQUESTS if held_s else HTTPStatus.GONE
        context = {"held_s": held_s}
        answer = render(request, "shares/gone.html", context, status=status)
        if held_s:
            answer["Retry-After"] = str(held_s)
    else:
        context = presenters.shared(row) | {"zone": settings.TIME_ZONE}
        answer = render(request, "shares/record.html", context)
    for name, value in PRIVATE.items():
        answer[name] = value
    return answer
