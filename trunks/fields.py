"""Access lists and lists of networks, as fields of models and of forms."""

from typing import Any

from sip.listfields import LinesFormField, ListField, ListFormField
from trunks.validators import (
    ACCESS_FORM,
    access_entry_lines,
    network_lines,
    parse_access_list,
    parse_header_rules,
    parse_networks,
)


class AccessListFormField(ListFormField):
    """Entries separated by commas or white space; cleans to a list."""

    parse = staticmethod(parse_access_list)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", f"Each {ACCESS_FORM}.")
        super().__init__(**kwargs)


class AccessLinesFormField(LinesFormField):
    """One entry a line; cleans to a list, and names every line that is wrong."""

    parse_lines = staticmethod(access_entry_lines)

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return self.parse_lines(value or "")


class NetworksFormField(AccessListFormField):
    """IP addresses and networks separated by commas or white space."""

    parse = staticmethod(parse_networks)


class NetworkLinesFormField(AccessLinesFormField):
    """One IP address or network a line."""

    parse_lines = staticmethod(network_lines)


class AccessListField(ListField):
    """A list of IP addresses, networks and host names, stored as JSON, normalised."""

    parse = staticmethod(parse_access_list)
    form_class = AccessListFormField


class NetworkListField(AccessListField):
    """A list of IP addresses and networks, stored as JSON in CIDR form."""

    parse = staticmethod(parse_networks)
    form_class = NetworksFormField


class HeaderRulesFormField(LinesFormField):
    """One header rule a line."""

    parse = staticmethod(parse_header_rules)


class HeaderRulesField(ListField):
    """What becomes of headers, stored as JSON, one text each."""

    parse = staticmethod(parse_header_rules)
    form_class = HeaderRulesFormField
