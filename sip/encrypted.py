"""A password we must present to others: text that the database holds only encrypted."""

import base64
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

logger = logging.getLogger(__name__)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that the database holds only encrypted (Fernet, key derived from SECRET_KEY).

    What cannot be decrypted, because SECRET_KEY changed, reads as empty, with a warning in the
    log. SECRET_KEY_FALLBACKS are tried too.
    """

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if value:
            value = _fernet(_keys()).encrypt(str(value).encode()).decode()
        return super().get_db_prep_save(value, connection)

    def from_db_value(
        self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> str:
        if not value:
            return ""
        try:
            return _fernet(_keys()).decrypt(value.encode()).decode()
        except InvalidToken:
            logger.warning("a stored password cannot be read: SECRET_KEY changed; set it again")
            return ""


def _keys() -> tuple[str, ...]:
    fallbacks: Sequence[str] = getattr(settings, "SECRET_KEY_FALLBACKS", ())
    return (str(settings.SECRET_KEY), *fallbacks)


@lru_cache(maxsize=8)
def _fernet(secret_keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in secret_keys])


def _derived(secret_key: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"voipnumber trunk passwords")
    return base64.urlsafe_b64encode(derivation.derive(secret_key.encode()))
