"""Letting in again whoever was banned."""

import logging

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit.services import did
from dashboard.parts.access import requires
from dashboard.rejections import bans

logger = logging.getLogger(__name__)


@requires(post="callengine.change_call")
def lift(request: HttpRequest, ban_id: int) -> HttpResponse:
    """End a ban, and say so."""
    ban = bans.lift(ban_id)
    if ban is None:
        messages.info(request, "That ban was over already.")
    else:
        logger.info("%s lifted the ban of %s", request.user.get_username(), ban)
        did("lifted the ban", kind="callengine.ban", name=str(ban))
        who = f"{ban.user} at {ban.source}" if ban.user else ban.source
        messages.success(request, f"The ban of {who} is lifted. Its next request is heard.")
    return redirect("rejections")
