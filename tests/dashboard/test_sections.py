"""Parts of pages that show another model's rows are for those who may look at these."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from connections.models import Connection
from dashboard.accounts.roles import Role
from tests.dashboard.people import browser_of, person
from tests.dashboard.record import call, rejection
from trunks.models import Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


def browser_with(*permissions: str) -> Client:
    """Return the browser of somebody with these permissions alone."""
    user = person(Role.NONE, "custom")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return browser_of(User.objects.get(pk=user.pk))


@pytest.fixture
def alice() -> Connection:
    return Connection.objects.create(name="Alice", sip_user="alice")


@pytest.fixture
def carrier() -> Trunk:
    return Trunk.objects.create(name="carrier", in_username="carrier-in")


@pytest.mark.parametrize("may_see", [(), ("view_call",), ("view_rejection",)])
def test_a_connections_page_shows_its_record_to_those_who_may_see_it(
    alice: Connection, may_see: tuple[str, ...]
) -> None:
    call(source="connection:alice", from_user="secret-caller")
    rejection(user="alice", to="secret-callee")
    browser = browser_with("view_connection", *may_see)
    page = browser.get(f"/connections/{alice.pk}/?tab=calls").content.decode()
    assert ("secret-caller" in page) is ("view_call" in may_see)
    assert ("secret-callee" in page) is ("view_rejection" in may_see)


@pytest.mark.parametrize("may_see", [(), ("view_call",), ("view_rejection",)])
def test_a_trunks_page_shows_its_record_to_those_who_may_see_it(
    carrier: Trunk, may_see: tuple[str, ...]
) -> None:
    call(source="trunk:carrier", from_user="secret-caller")
    rejection(user="carrier-in", to="secret-callee")
    page = browser_with("view_trunk", *may_see).get(f"/trunks/{carrier.pk}/").content.decode()
    assert ("secret-caller" in page) is ("view_call" in may_see)
    assert ("secret-callee" in page) is ("view_rejection" in may_see)


@pytest.mark.parametrize("may_see", [(), ("view_number",), ("view_route",)])
def test_what_leads_somewhere_is_shown_to_those_who_may_see_it(
    alice: Connection, carrier: Trunk, may_see: tuple[str, ...]
) -> None:
    Number.objects.create(number="5550001", connection=alice)
    Number.objects.create(number="5550002", trunk=carrier)
    route = Route.objects.create(prefix="+4477")
    RouteTrunk.objects.create(route=route, trunk=carrier, position=0)
    browser = browser_with("view_connection", "view_trunk", *may_see)
    numbers = browser.get(f"/connections/{alice.pk}/").content.decode()
    both = browser.get(f"/trunks/{carrier.pk}/").content.decode()
    assert ("5550001" in numbers) is ("view_number" in may_see)
    assert ("5550002" in both) is ("view_number" in may_see)
    assert ("+4477" in both) is ("view_route" in may_see)


@pytest.mark.parametrize("kind", ["connection", "trunk"])
def test_the_lab_names_no_row_to_those_who_may_not_see_it(
    alice: Connection, carrier: Trunk, kind: str
) -> None:
    name = {"connection": "alice", "trunk": "carrier"}[kind]
    browser = browser_with("view_call", "add_call")
    typing = {"source": kind, "source_name": "", "destination": "free"}
    assert f'value="{name}"' not in browser.get("/lab/", typing).content.decode()
    asked = {"source": "free", "destination": kind, "destination_name": name}
    page = browser.get("/lab/", asked)
    assert "destination" in page.context["form"].errors
    assert "result" not in page.context
    answer = browser.post("/lab/call/", asked, follow=True).content.decode()
    assert "This is not a choice" in answer
