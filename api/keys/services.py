"""Keys are made, found, taken back; a key itself is seen once, by whoever made it."""

import datetime as dt
import hashlib
import secrets
import string
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from api.keys.scopes import Scope
from api.models import ApiKey

MARK = "vn_"
"What every key begins with, so that one which leaked is known for what it is."
LENGTH = 43
"Of 62 characters: 256 bits."
SHOWN = 6
"Characters after the mark that stay readable."
LONGEST = 200
"What is longer is no key of ours and not even hashed."
_ALPHABET = string.ascii_letters + string.digits
USE_NOTED_EVERY = dt.timedelta(minutes=1)


def make_key(
    *, owner: User, name: str, scopes: Iterable[Scope], expires_at: dt.datetime | None
) -> tuple[ApiKey, str]:
    """Return a new key's row, and the key, which nobody can read again."""
    key = MARK + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
    row = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=key[: len(MARK) + SHOWN],
        digest=digest_of(key),
        scopes=[str(scope) for scope in scopes],
        expires_at=expires_at,
    )
    return row, key


def digest_of(key: str) -> str:
    """Return what a key is stored and found by; no salt, as it is random and long."""
    return hashlib.sha256(key.encode()).hexdigest()


def keys_in_force() -> QuerySet[ApiKey]:
    """Return the keys that work: not revoked, not expired, their owner may sign in."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(unexpired, revoked_at=None, owner__is_active=True)


def find_key(digest: str) -> ApiKey | None:
    """Return the key in force that has this digest."""
    return keys_in_force().select_related("owner").filter(digest=digest).first()


def note_use(key: ApiKey) -> None:
    """Note that a key is in use; written at most once a minute."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < USE_NOTED_EVERY:
        return
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def revoke_key(*, pk: int) -> bool:
    """Take a key back for good, from the next request on; return False if it was already."""
    with transaction.atomic():
        row = ApiKey.objects.select_for_update().filter(pk=pk, revoked_at=None).first()
        if row is not None:
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
        return row is not None
