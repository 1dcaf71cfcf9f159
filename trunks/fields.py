"""Access lists and lists of networks, as fields of models and of forms."""

import re
from typing import Any

from django import forms
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from trunks.validators import (
    ACCESS_FORM,
    access_entry_lines,
    network_lines,
    parse_access_list,
    parse_networks,
)


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
