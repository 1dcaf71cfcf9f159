"""The schemas of `/v1/connection-templates`, called as in a provisioning file."""

from typing import Annotated

from pydantic import Field

from api.rest.schema import Strict, formed, one_of
from audiocodecs.catalogue import CATALOGUE
from connections.validators import NAME, NAME_FORM
from sip.names import SIP_USER, SIP_USER_FORM

Name = Annotated[str, formed(NAME, NAME_FORM)]
SipUser = Annotated[str, formed(SIP_USER, SIP_USER_FORM)]
Codecs = Annotated[
    list[Annotated[str, one_of(CATALOGUE)]], Field(json_schema_extra={"uniqueItems": True})
]


class InboundChoice(Strict):
    """For calls to those who follow it."""

    codecs: Codecs = Field(
        default_factory=list, description="Offered, best first; empty: the platform's."
    )
    force_on_caller: bool = Field(
        default_factory=bool,
        description="The caller's leg must use one of them too, or the call is declined.",
    )


class OutboundChoice(Strict):
    """For calls of those who follow it."""

    codecs: Codecs = Field(
        default_factory=list, description="Allowed, best first; empty: the platform's."
    )


class _Lists(Strict):
    inbound: InboundChoice = Field(default_factory=InboundChoice)
    outbound: OutboundChoice = Field(default_factory=OutboundChoice)


class NewTemplate(_Lists):
    """A template to be made."""

    name: Name


class TemplateUpdate(_Lists):
    """What is to change; the rest stays. Objects are merged, lists replaced."""

    name: Name = Field(default_factory=str)


class InboundRecord(Strict):
    """For calls to those who follow it."""

    codecs: list[str]
    force_on_caller: bool


class OutboundRecord(Strict):
    """For calls of those who follow it."""

    codecs: list[str]


class TemplateRecord(Strict):
    """A template as it is stored; `connections` is how many follow it."""

    id: int
    name: str
    inbound: InboundRecord
    outbound: OutboundRecord
    connections: int


class TemplateList(Strict):
    """A page of templates, oldest first."""

    connection_templates: list[TemplateRecord]
    next_cursor: str | None


class Follower(Strict):
    """A connection that follows a template."""

    sip_user: str
    name: str


class FollowerList(Strict):
    """A page of those who follow a template, oldest first."""

    connections: list[Follower]
    next_cursor: str | None
