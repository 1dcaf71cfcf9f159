"""Model fields of trunks: an access list, and text encrypted at rest."""

import base64
import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django import forms
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

from trunks.validators import (
    ACCESS_FORM,
    access_entry_lines,
    network_lines,
    parse_access_list,
    parse_networks,
)

logger = logging.getLogger(__name__)


class AccessListFormField(forms.CharField):
    """Entries separated by commas or white space; cleans to a list."""

    parse = staticmethod(parse_access_list)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        kwargs.setdefault("help_text", f"Each {ACCESS_FORM}.")
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, str):
            value = [item for item in re.split(r"[\s,]+", value) if item]
        return self.parse(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != [item for item in re.split(r"[\s,]+", data or "") if item]


class AccessLinesFormField(AccessListFormField):
    """One entry a line; cleans to a list, and names every line that is wrong."""

    widget = forms.Textarea
    parse_lines = staticmethod(access_entry_lines)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return self.parse_lines(value or "")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return "\n".join(initial or []) != (data or "").replace("\r", "").strip()


class NetworksFormField(AccessListFormField):
    """IP addresses and networks separated by commas or white space."""

    parse = staticmethod(parse_networks)


class NetworkLinesFormField(AccessLinesFormField):
    """One IP address or network a line."""

    parse_lines = staticmethod(network_lines)


class AccessListField(models.JSONField):
    """A list of IP addresses, networks and host names, stored as JSON, normalised."""

    parse = staticmethod(parse_access_list)
    form_class: type[AccessListFormField] = AccessListFormField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        super().__init__(*args, **kwargs)

    def clean(self, value: Any, model_instance: models.Model | None) -> list[str]:
        return self.parse(value)

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if not hasattr(value, "resolve_expression"):
            value = self.parse(value)
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": self.form_class, **kwargs})


class NetworkListField(AccessListField):
    """A list of IP addresses and networks, stored as JSON in CIDR form."""

    parse = staticmethod(parse_networks)
    form_class = NetworksFormField


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
