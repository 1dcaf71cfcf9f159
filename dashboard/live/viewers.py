"""Who may look on: asked when a websocket opens, and again when something about them changes."""

import asyncio
import logging
from importlib import import_module
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from channels.auth import get_user
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from callengine.loop.tasks import BackgroundTasks
from callengine.notices import groups
from callengine.notices.viewers import SessionEnded, ViewerChanged, session_mark
from callengine.notices.wire import Reader
from dashboard.live.outbox import Outbox, Viewer
from dashboard.live.topics import Topic

logger = logging.getLogger(__name__)

NOT_SIGNED_IN, NOT_ALLOWED = 4401, 4403
TELLING_S = 3.0
"How long whoever changes a user or signs out waits for a channel layer that does not answer."


async def refusal(viewer: Viewer) -> int | None:
    """Return the code to close a websocket with, None if the viewer may look on.

    Asks the database, off the event loop: session, user, permission; a changed password or a user
    who is not active ends the session too.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore
    user = await get_user({"session": store(viewer.session_key)})
    if not user.is_authenticated or user.pk != viewer.user_id:
        return NOT_SIGNED_IN
    allowed = await sync_to_async(user.has_perm)(viewer.permission)
    return None if allowed else NOT_ALLOWED


class ViewersTopic(Topic):
    """Shows nothing: closes the websockets of those who may no longer look on."""

    reader: Reader[SessionEnded | ViewerChanged] = Reader(SessionEnded, ViewerChanged)

    def __init__(self) -> None:
        super().__init__("viewers", groups.VIEWERS)
        self._asking = BackgroundTasks("viewers")

    def hear(self, told: SessionEnded | ViewerChanged) -> None:
        """Close what a login that has signed out had opened, or ask again who may look on."""
        match told:
            case SessionEnded(session):
                for outbox in self.outboxes:
                    if session_mark(outbox.viewer.session_key) == session:
                        outbox.close(NOT_SIGNED_IN)
            case ViewerChanged(user):
                self._ask_again(user)

    def _ask_again(self, user: int | None) -> None:
        """Ask about a user, or about all, in a task of its own."""
        outboxes = [box for box in self.outboxes if user in (None, box.viewer.user_id)]
        self._asking.start(self._ask(outboxes))

    async def check(self) -> None:
        """Ask about all: sessions expire, and not every change of a user sends a signal.

        Beside what is heard: who signs out meanwhile is not to wait for the others.
        """
        self._ask_again(None)

    async def _ask(self, outboxes: list[Outbox]) -> None:
        for viewer in {outbox.viewer for outbox in outboxes}:
            try:
                code = await refusal(viewer)
            except Exception:
                logger.warning("a viewer is asked about again in a minute", exc_info=True)
                continue
            if code is not None:
                for outbox in outboxes:
                    if outbox.viewer == viewer:
                        outbox.close(code)


@receiver(user_logged_out)
def _signed_out(request: HttpRequest | None, **_: Any) -> None:
    key = request.session.session_key if request is not None else None
    if key:
        _publish(SessionEnded(session_mark(key)))


@receiver([post_save, post_delete], sender=User)
def _user_changed(
    instance: User, created: bool = False, update_fields: Any = None, **_: Any
) -> None:
    # Signing in writes the time of it, and that alone.
    if not created and set(update_fields or ()) != {"last_login"}:
        _tell(instance.pk)


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
def _rights_changed(instance: Any, action: str, **_: Any) -> None:
    if action.startswith("post_"):
        # Seen from the other side (group.user_set) it may be about many.
        _tell(instance.pk if isinstance(instance, User) else None)


@receiver(m2m_changed, sender=Group.permissions.through)
@receiver(post_delete, sender=Group)
def _role_changed(action: str = "post_delete", **_: Any) -> None:
    if action.startswith("post_"):
        _tell(None)


def _tell(user_id: int | None) -> None:
    transaction.on_commit(lambda: _publish(ViewerChanged(user_id)))


def _publish(told: SessionEnded | ViewerChanged) -> None:
    async def publish() -> None:
        async with asyncio.timeout(TELLING_S):
            await groups.tell(groups.VIEWERS, told)

    try:
        async_to_sync(publish)()
    except Exception:
        # That must not keep anybody from being deactivated; all are asked about once a minute.
        logger.warning("live pages were not told of a changed viewer: is Redis up?", exc_info=True)
