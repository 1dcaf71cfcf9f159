"""Numbers: list, adding, changing, and what people mean by a name."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from dashboard.accounts.roles import Role
from tests.dashboard.carriers import at, said, text
from tests.dashboard.people import browser_of
from trunks.models import Number, Trunk
from trunks.parties import find_party

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> Connection:
    return Connection.objects.create(name="Alice Smith", sip_user="alice")


@pytest.fixture
def carrier(db: None) -> Trunk:
    return Trunk.objects.create(name="carrier-one")


# The list


def test_the_list_says_what_to_do_while_it_is_empty(admin: Client) -> None:
    assert at("number-add") in text(admin.get("/numbers/"))
    page = text(browser_of(Role.VIEWER).get("/numbers/"))
    assert "No number yet" in page
    assert at("number-add") not in page


def test_the_list_is_searched_filtered_and_sorted(
    admin: Client, alice: Connection, carrier: Trunk
) -> None:
    Number.objects.create(number="100", connection=alice)
    Number.objects.create(number="200", trunk=carrier)
    for query, numbers in [
        ("q=10", ["100"]),
        ("q=smith", ["100"]),
        ("q=ALICE", ["100"]),
        ("q=carrier", ["200"]),
        ("q=nobody", []),
        ("kind=trunk", ["200"]),
        ("kind=connection", ["100"]),
        ("kind=nonsense", ["100", "200"]),
        ("sort=-number", ["200", "100"]),
        ("sort=destination&q=0", ["200", "100"]),
    ]:
        rows = admin.get(f"/numbers/?{query}").context["listing"].rows
        found = [row.number for row in rows]
        assert found == numbers or (query.startswith("sort=dest") and set(found) == set(numbers))
    page = text(admin.get("/numbers/?kind=nonsense"))
    assert "nonsense is not one of the available choices" in page
    assert "No number matches" in text(admin.get("/numbers/?q=nobody"))


def test_the_list_asks_as_many_questions_for_sixty_numbers_as_for_three(
    admin: Client, carrier: Trunk
) -> None:
    def asked(count: int) -> int:
        for number in range(Number.objects.count(), count):
            if number % 2:
                Number.objects.create(number=str(number), trunk=carrier)
            else:
                user = Connection.objects.create(name=f"N{number}", sip_user=f"u{number}")
                Number.objects.create(number=str(number), connection=user)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get("/numbers/").status_code == 200
        return len(queries)

    assert asked(3) == asked(60)


# Adding, changing, deleting


@pytest.mark.parametrize(
    "typed",
    [
        "alice",
        "Alice",
        "alice smith",
        "Alice Smith (alice)",
        "alice (connection)",
        "+1 202 555 0199",
        " connection:alice ",
        "Connection: alice",
    ],
)
def test_a_number_is_added_to_a_connection(admin: Client, alice: Connection, typed: str) -> None:
    Number.objects.create(number="+12025550199", connection=alice)
    answer = admin.post(at("number-add"), {"number": "+12025550100", "destination": typed})
    assert "+12025550100 goes to Alice Smith (alice)." in said(admin, answer)
    stored = Number.objects.get(number="+12025550100")
    assert (stored.connection, stored.trunk) == (alice, None)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+1 202 555 0100", "+12025550100"),
        (" +1 (202) 555-0100 ", "+12025550100"),
        ("+44.20.7946.0018", "+442079460018"),
        ("020 7946 0018", "02079460018"),
        ("10-2", "102"),
        ("desk.10-2", "desk.10-2"),
        ("*21#", "*21#"),
    ],
)
def test_a_number_is_taken_as_people_write_it(
    admin: Client, alice: Connection, typed: str, kept: str
) -> None:
    admin.post(at("number-add"), {"number": typed, "destination": "alice"})
    assert Number.objects.get().number == kept


def test_a_number_is_moved_from_a_connection_to_a_trunk(
    admin: Client, alice: Connection, carrier: Trunk
) -> None:
    number = Number.objects.create(number="900", connection=alice)
    page = admin.get(at("number", number.pk))
    assert 'value="Alice Smith (alice)"' in text(page)
    revision = page.context["form"]["revision"].value()
    form = {"number": "901", "destination": "carrier-one", "revision": revision}
    assert "901 goes to carrier-one" in said(admin, admin.post(at("number", number.pk), form))
    stored = Number.objects.get()
    assert (stored.number, stored.connection, stored.trunk) == ("901", None, carrier)


@pytest.mark.parametrize(
    ("number", "destination", "sentence"),
    [
        ("", "alice", "This field is required."),
        ("900", "", "This field is required."),
        ("sales desk", "alice", "A number is 1 to 64 of A-Z"),
        ("<b>", "alice", "A number is 1 to 64 of A-Z"),
        ("taken", "alice", "already exists"),
        ("900", "alicia", "Nobody here is &#x27;alicia&#x27;; allowed: the SIP user or name"),
        ("900", "Smith", "Perhaps Alice Smith (alice)?"),
        ("900", "trunk:alice", "allowed: the name of a trunk."),
        ("900", "both", "may be any of 2: write Both (both) or both (trunk)."),
        ("900", "<script>", "Nobody here is &#x27;&lt;script&gt;&#x27;"),
        ("900", "trunk:", "Nothing is named; allowed: the name of a trunk."),
        ("900", "x" * 500, "at most 180 characters"),
    ],
)
def test_a_wrong_number_is_said_and_not_kept(
    admin: Client, alice: Connection, number: str, destination: str, sentence: str
) -> None:
    Connection.objects.create(name="Both", sip_user="both")
    Trunk.objects.create(name="both")
    Number.objects.create(number="taken", connection=alice)
    answer = admin.post(at("number-add"), {"number": number, "destination": destination})
    assert (answer.status_code, sentence in text(answer)) == (422, True), text(answer)
    assert Number.objects.count() == 1


def test_a_number_changed_meanwhile_is_not_overwritten(
    admin: Client, alice: Connection, carrier: Trunk
) -> None:
    number = Number.objects.create(number="900", connection=alice)
    revision = admin.get(at("number", number.pk)).context["form"]["revision"].value()
    Number.objects.update(connection=None, trunk=carrier)
    form = {"number": "901", "destination": "alice", "revision": revision}
    page = text(admin.post(at("number", number.pk), form))
    assert "Stored now: number: 900; connection: nothing; trunk: carrier-one." in page
    assert Number.objects.get().trunk == carrier


def test_a_number_deleted_meanwhile_is_not_found(admin: Client, alice: Connection) -> None:
    number = Number.objects.create(number="900", connection=alice)
    Number.objects.all().delete()
    form = {"number": "901", "destination": "alice"}
    assert admin.post(at("number", number.pk), form).status_code == 404


def test_a_number_is_deleted_after_a_question(admin: Client, alice: Connection) -> None:
    number = Number.objects.create(number="900", connection=alice)
    assert "Delete 900?" in text(admin.get(at("number-delete", number.pk)))
    assert Number.objects.exists()
    assert "900 is deleted." in said(admin, admin.post(at("number-delete", number.pk)))
    assert not Number.objects.exists()


def test_who_only_looks_sees_the_number_and_no_form(alice: Connection) -> None:
    number = Number.objects.create(number="900", connection=alice)
    viewer = browser_of(Role.VIEWER)
    for path in ("/numbers/", at("number", number.pk)):
        page = text(viewer.get(path))
        main = page[page.index("<main") :]
        assert "Alice Smith" in main
        assert 'method="post"' not in main
        assert at("number-delete", number.pk) not in main


# Names to choose from


def test_without_javascript_one_is_chosen_from_a_select(admin: Client, alice: Connection) -> None:
    page = text(admin.get("/numbers/add/"))
    assert '<option value="connection:alice">Alice Smith (alice)</option>' in page
    admin.post("/numbers/add/", {"number": "600", "destination_chosen": "connection:alice"})
    assert Number.objects.get().connection == alice
    assert admin.post("/numbers/add/", {"number": "601"}).status_code == 422


def test_names_are_offered_while_one_types(
    admin: Client, alice: Connection, carrier: Trunk
) -> None:
    page = text(admin.get("/parties/?destination=smith"))
    assert page.count('role="option"') == 1
    assert (
        'data-value="Alice Smith (alice)"><bdi>Alice Smith</bdi> <span class="mono">alice</' in page
    )
    both = text(admin.get("/parties/?destination="))
    assert 'value="Alice Smith (alice)"' in both
    assert 'value="carrier-one (trunk)"' in both
    trunks = text(admin.get("/parties/?kinds=trunk&trunk="))
    assert trunks.count('role="option"') == 1
    assert 'data-value="carrier-one"' in trunks
    assert text(admin.get("/parties/?destination=%00a" + "x" * 9000)).strip() == ""


@pytest.mark.thorough
def test_among_ten_thousand_connections_a_few_are_offered_and_one_is_found(admin: Client) -> None:
    Connection.objects.bulk_create(
        Connection(name=f"Phone {number}", sip_user=f"phone{number}") for number in range(10_000)
    )
    with CaptureQueriesContext(connection) as queries:
        page = text(admin.get("/parties/?destination=phone"))
    assert page.count('role="option"') == 12
    assert "LIMIT 12" in "".join(query["sql"] for query in queries)
    assert len(text(admin.get("/numbers/add/"))) < 20_000
    assert find_party("phone9999").row.name == "Phone 9999"
    assert find_party("Phone 1").key == "phone1"
    with pytest.raises(ValidationError, match=r"Perhaps Phone \d+ \(phone\d+\), "):
        find_party("Phone")


# Test destinations


@pytest.mark.parametrize(
    "typed", ["test:echo", "*echo", "Test:ECHO", "echo test", "Echo test (*echo)"]
)
def test_a_number_goes_to_a_test_destination(admin: Client, typed: str) -> None:
    admin.post("/numbers/add/", {"number": "600", "destination": typed})
    row = Number.objects.get()
    assert (row.selftest, row.connection, row.trunk, row.agent) == ("echo", None, None, None)
    page = text(admin.get("/numbers/?kind=test"))
    assert "Echo test" in page
    assert 'value="Echo test (*echo)"' in text(admin.get(f"/numbers/{row.pk}/"))


def test_a_number_leaves_a_test_destination(admin: Client, alice: Connection) -> None:
    row = Number.objects.create(number="600", selftest="tone")
    form = admin.get(f"/numbers/{row.pk}/").context["form"]
    data = {"number": "600", "destination": "alice", "revision": form.initial["revision"]}
    admin.post(f"/numbers/{row.pk}/", data)
    row.refresh_from_db()
    assert (row.selftest, row.connection) == ("", alice)


def test_test_destinations_are_among_the_names_to_choose_from(admin: Client) -> None:
    names = text(admin.get("/parties/?destination=ech"))
    assert 'data-value="Echo test (*echo)"' in names
    assert "*tone" not in names
    assert "*echo" not in text(admin.get("/parties/?trunk=ech&kinds=trunk"))


def test_the_way_of_a_test_destination_is_shown(admin: Client, alice: Connection) -> None:
    page = text(admin.get("/routes/?number=*echo&source=alice"))
    assert "test destination" in page
    assert "Echo test" in page
