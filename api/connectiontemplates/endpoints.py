"""`/v1/connection-templates`: list, make, show, change, delete, and who follows them."""

from http import HTTPStatus
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest
from ninja import Path, Query, Router, Status

from api.connectiontemplates.record import follower_of, place_of, record_of, values_of
from api.connectiontemplates.shape import (
    Follower,
    FollowerList,
    NewTemplate,
    SipUser,
    TemplateList,
    TemplateRecord,
    TemplateUpdate,
)
from api.keys.scopes import Scope
from api.rest.errors import ApiError, refusal
from api.rest.pages import Paging, page
from api.rest.responses import WITH_BODY, operation
from api.rest.validation import refused
from connections import services
from connections.models import Connection
from connections.templates import ConnectionTemplate

router = Router(tags=["Templates of connections"])
READ, WRITE = Scope.TEMPLATES_READ, Scope.TEMPLATES_WRITE
GONE = HTTPStatus.NOT_FOUND
ALL = "/connection-templates"
ONE = f"{ALL}/{{template_id}}"
FOLLOWERS = f"{ONE}/connections"
FOLLOWER = f"{FOLLOWERS}/{{sip_user}}"
TemplateId = Annotated[int, Path(ge=1, lt=2**63)]
User = Annotated[SipUser, Path()]


@router.get(ALL, **operation(READ, HTTPStatus.OK, TemplateList))
def list_connection_templates(request: HttpRequest, paging: Query[Paging]) -> TemplateList:
    """Return a page of templates, oldest first; `next_cursor` is null on the last one."""
    templates = ConnectionTemplate.objects.annotate(count=Count("connections"))
    rows: list[Any]  # django-stubs lose the count on its way through `page`
    rows, after = page(templates, paging)
    records = [record_of(row, row.count) for row in rows]
    return TemplateList(connection_templates=records, next_cursor=after)


@router.post(ALL, **operation(WRITE, HTTPStatus.CREATED, TemplateRecord, also=WITH_BODY))
def make_connection_template(request: HttpRequest, body: NewTemplate) -> Status[TemplateRecord]:
    """Make a template. What is left out is the platform's list, and forces nobody."""
    sent = body.model_dump(exclude_unset=True)
    try:
        row = services.add_template(values=values_of(sent))
    except ValidationError as error:
        raise refused(error, sent, place_of) from None
    return Status(HTTPStatus.CREATED, record_of(row, 0))


@router.get(ONE, **operation(READ, HTTPStatus.OK, TemplateRecord, also=(GONE,)))
def show_connection_template(request: HttpRequest, template_id: TemplateId) -> TemplateRecord:
    """Return a template."""
    return _record(_found(template_id))


@router.patch(ONE, **operation(WRITE, HTTPStatus.OK, TemplateRecord, also=(GONE, *WITH_BODY)))
def change_connection_template(
    request: HttpRequest, template_id: TemplateId, body: TemplateUpdate
) -> TemplateRecord:
    """Change what the body names, deep: `{"inbound": {"force_on_caller": true}}` keeps the list.

    Those who follow it have the lists from the next call on.
    """
    sent = body.model_dump(exclude_unset=True)
    try:
        return _record(services.change_template(pk=template_id, changes=values_of(sent)))
    except ValidationError as error:
        raise refused(error, sent, place_of) from None
    except ConnectionTemplate.DoesNotExist:
        raise _none(template_id) from None


@router.put(ONE, **operation(WRITE, HTTPStatus.OK, TemplateRecord, also=(GONE, *WITH_BODY)))
def update_connection_template(
    request: HttpRequest, template_id: TemplateId, body: TemplateUpdate
) -> TemplateRecord:
    """Change what the body names and leave the rest, as PATCH does."""
    return change_connection_template(request, template_id, body)


@router.delete(ONE, **operation(WRITE, HTTPStatus.NO_CONTENT, None, also=(GONE,)))
def remove_connection_template(request: HttpRequest, template_id: TemplateId) -> Status[None]:
    """Delete a template; those who follow it keep its lists as their own."""
    try:
        services.delete_template(pk=template_id)
    except ConnectionTemplate.DoesNotExist:
        raise _none(template_id) from None
    return Status(HTTPStatus.NO_CONTENT, None)


@router.get(FOLLOWERS, **operation(READ, HTTPStatus.OK, FollowerList, also=(GONE,)))
def list_followers(
    request: HttpRequest, template_id: TemplateId, paging: Query[Paging]
) -> FollowerList:
    """Return a page of the connections that follow a template, oldest first."""
    rows, after = page(Connection.objects.filter(template=_found(template_id)), paging)
    return FollowerList(connections=[follower_of(row) for row in rows], next_cursor=after)


@router.put(FOLLOWER, **operation(WRITE, HTTPStatus.OK, Follower, also=(GONE,)))
def follow_connection_template(
    request: HttpRequest, template_id: TemplateId, sip_user: User
) -> Follower:
    """Have a connection follow a template, in place of another one or of lists of its own."""
    try:
        return follower_of(services.follow_template(template_pk=template_id, sip_user=sip_user))
    except ConnectionTemplate.DoesNotExist:
        raise _none(template_id) from None
    except Connection.DoesNotExist:
        raise _nobody("There is no connection of this SIP user.", sip_user) from None


@router.delete(FOLLOWER, **operation(WRITE, HTTPStatus.NO_CONTENT, None, also=(GONE,)))
def leave_connection_template(
    request: HttpRequest, template_id: TemplateId, sip_user: User
) -> Status[None]:
    """Have a connection follow a template no longer; it keeps the lists as its own."""
    try:
        services.leave_template(template_pk=template_id, sip_user=sip_user)
    except ConnectionTemplate.DoesNotExist:
        raise _none(template_id) from None
    except Connection.DoesNotExist:
        raise _nobody("No connection of this SIP user follows it.", sip_user) from None
    return Status(HTTPStatus.NO_CONTENT, None)


def _record(row: ConnectionTemplate) -> TemplateRecord:
    return record_of(row, row.connections.count())


def _found(template_id: int) -> ConnectionTemplate:
    row = ConnectionTemplate.objects.filter(pk=template_id).first()
    if row is None:
        raise _none(template_id)
    return row


def _none(template_id: int) -> ApiError:
    msg = "There is no template of this id."
    return refusal(GONE, ("path", "template_id"), msg, kind="not_found", value=template_id)


def _nobody(msg: str, sip_user: str) -> ApiError:
    return refusal(GONE, ("path", "sip_user"), msg, kind="not_found", value=sip_user)
