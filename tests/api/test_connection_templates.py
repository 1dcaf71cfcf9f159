"""What becomes of templates of connections by way of the API."""

from typing import Any

import pytest

from audit.models import AuditEntry
from connections.models import Connection
from connections.templates import ConnectionTemplate
from provisioning.apply import provision
from tests.api.programs import DESKS, TEMPLATES, Program, problems
from tests.provisioning.files import exported

pytestmark = pytest.mark.django_db


def made(crm: Program, **settings: Any) -> dict[str, Any]:
    answer = crm.post(DESKS | settings, TEMPLATES)
    assert answer.status_code == 201, answer.content
    record: dict[str, Any] = answer.json()
    return record


def change(crm: Program, record: dict[str, Any], body: Any) -> Any:
    return crm.send("PATCH", f"{TEMPLATES}/{record['id']}", body)


def follow(crm: Program, record: dict[str, Any], sip_user: str, method: str = "PUT") -> Any:
    return crm.send(method, f"{TEMPLATES}/{record['id']}/connections/{sip_user}")


def ann(**values: Any) -> Connection:
    return Connection.objects.create(name="Ann", sip_user="ann", **values)


def lists(row: Connection) -> tuple[list[str], bool, list[str]]:
    row.refresh_from_db()
    return row.inbound_codecs, row.force_on_caller, row.outbound_codecs


def test_a_template_comes_back_as_it_was_sent(crm: Program) -> None:
    record = made(crm)
    row = ConnectionTemplate.objects.get()
    assert record == DESKS | {"id": row.pk, "connections": 0}
    assert (row.inbound_codecs, row.force_on_caller, row.outbound_codecs) == (
        ["G722", "PCMU"],
        True,
        ["OPUS"],
    )
    assert crm.get(f"{TEMPLATES}/{row.pk}").json() == record


def test_what_is_left_out_is_the_platforms_list_and_forces_nobody(crm: Program) -> None:
    record = crm.post({"name": "  Soft phones "}, TEMPLATES).json()
    assert record["name"] == "Soft phones"
    assert record["inbound"] == {"codecs": [], "force_on_caller": False}
    assert record["outbound"] == {"codecs": []}


def test_a_file_holds_what_was_made_so_and_makes_it_again(crm: Program) -> None:
    made(crm, name='Desk "1": phones #2')
    text = exported()
    ConnectionTemplate.objects.all().delete()
    provision(text=text, file="office.yaml")
    (record,) = crm.get(TEMPLATES).json()["connection_templates"]
    assert record["name"] == 'Desk "1": phones #2'
    assert record["inbound"] == DESKS["inbound"]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, {}),
        ({"name": "Desks"}, {"name": "Desks"}),
        ({"inbound": {"codecs": ["PCMA"]}}, {"inbound_codecs": ["PCMA"]}),
        ({"inbound": {"force_on_caller": False}}, {"force_on_caller": False}),
        ({"inbound": {}}, {}),
        ({"outbound": {"codecs": []}}, {"outbound_codecs": []}),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_is_merged_deep_and_those_who_follow_have_it(
    crm: Program, method: str, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    record = made(crm)
    follower = ann(template_id=record["id"])
    before = ConnectionTemplate.objects.values().get()
    answer = crm.send(method, f"{TEMPLATES}/{record['id']}", body)
    assert answer.status_code == 200, answer.content
    after = ConnectionTemplate.objects.values().get()
    assert after == before | changed
    assert lists(follower) == (
        after["inbound_codecs"],
        after["force_on_caller"],
        after["outbound_codecs"],
    )
    assert answer.json()["connections"] == 1


def test_each_change_is_one_entry_of_the_log_in_the_name_of_the_key(crm: Program) -> None:
    record = made(crm)
    ann(template_id=record["id"])
    before = AuditEntry.objects.latest("pk")
    for _ in range(2):
        change(crm, record, {"inbound": {"codecs": ["PCMA"]}})
    (entry,) = AuditEntry.objects.filter(pk__gt=before.pk)
    assert entry.actor.startswith("CRM (vn_")
    assert (entry.actor_kind, entry.via) == ("key", "API")
    assert (entry.name, set(entry.changes)) == ("Desk phones", {"inbound_codecs"})


def test_a_connection_follows_and_leaves_with_the_lists(crm: Program) -> None:
    record, follower = made(crm), ann(inbound_codecs=["PCMA"])
    for _ in range(2):
        answer = follow(crm, record, "ann")
        assert (answer.status_code, answer.json()) == (200, {"sip_user": "ann", "name": "Ann"})
    assert lists(follower) == (["G722", "PCMU"], True, ["OPUS"])
    listed = crm.get(f"{TEMPLATES}/{record['id']}/connections").json()
    assert listed == {"connections": [{"sip_user": "ann", "name": "Ann"}], "next_cursor": None}
    assert crm.get(f"{TEMPLATES}/{record['id']}").json()["connections"] == 1

    other = made(crm, name="Soft phones", inbound={"codecs": ["PCMA"]})
    assert problems(follow(crm, other, "ann", "DELETE"), 404)[0][:2] == ("path.sip_user", "ann")
    assert follow(crm, other, "ann").status_code == 200
    assert lists(follower) == (["PCMA"], False, ["OPUS"])
    assert follow(crm, other, "ann", "DELETE").status_code == 204
    follower.refresh_from_db()
    assert follower.template is None
    assert lists(follower) == (["PCMA"], False, ["OPUS"])
    entries = AuditEntry.objects.filter(name="Ann (ann)", action="changed").order_by("pk")
    told = [entry.changes["template"] for entry in entries]
    assert [(one["before"], one["after"]) for one in told] == [
        (None, "Desk phones"),
        ("Desk phones", "Soft phones"),
        ("Soft phones", None),
    ]


def test_a_deleted_template_leaves_its_lists_to_those_who_followed(crm: Program) -> None:
    record = made(crm)
    follower = ann(template_id=record["id"])
    path = f"{TEMPLATES}/{record['id']}"
    assert crm.send("DELETE", path).status_code == 204
    assert problems(crm.send("DELETE", path), 404) == [("path.template_id", record["id"], None)]
    assert lists(follower) == (["G722", "PCMU"], True, ["OPUS"])
    assert follower.template is None


BAD: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"name": None}, "name", None, "text"),
    ({"name": "a\nb"}, "name", "a\nb", "on one line"),
    ({"name": "x" * 101}, "name", "x" * 101, "1 to 100"),
    ({"name": ""}, "name", "", "1 to 100"),
    ({"name": "  "}, "name", "  ", ""),
    ({"inbound": None}, "inbound", None, "an object"),
    ({"inbound": {"codecs": ["MP3"]}}, "inbound.codecs.0", "MP3", "PCMU"),
    ({"inbound": {"codecs": ["PCMU", "PCMU"]}}, "inbound.codecs", None, ""),
    ({"inbound": {"force_on_caller": 1}}, "inbound.force_on_caller", 1, "true or false"),
    ({"outbound": {"force_on_caller": True}}, "outbound.force_on_caller", True, "codecs"),
    ({"connections": 3}, "connections", 3, "inbound, outbound, name"),
]


@pytest.mark.parametrize(("body", "at", "value", "allowed"), BAD)
def test_what_is_wrong_is_refused_by_field_and_value_and_changes_nothing(
    crm: Program, body: dict[str, Any], at: str, value: Any, allowed: str
) -> None:
    record = made(crm)
    for answer in (crm.post({"name": "new"} | body, TEMPLATES), change(crm, record, body)):
        place, found, said = problems(answer)[0]
        assert (place, found) == (f"body.{at}", value)
        assert allowed in (said or "")
    assert crm.get(TEMPLATES).json()["connection_templates"] == [record]


def test_a_name_that_is_taken_is_a_conflict_in_the_words_of_the_page(crm: Program) -> None:
    made(crm)
    other = made(crm, name="Soft phones")
    for answer in (crm.post(DESKS, TEMPLATES), change(crm, other, {"name": "Desk phones"})):
        assert problems(answer, 409) == [("body.name", "Desk phones", None)]
        text = "Another template is called so already; choose another name."
        assert answer.json()["detail"][0]["msg"] == text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/99"),
        ("PATCH", "/99"),
        ("PUT", "/99"),
        ("DELETE", "/99"),
        ("GET", "/99/connections"),
        ("PUT", "/99/connections/ann"),
        ("DELETE", "/99/connections/ann"),
    ],
)
def test_a_template_that_is_none_is_404(crm: Program, method: str, path: str) -> None:
    body = {} if method.startswith("P") and "connections" not in path else None
    answer = crm.send(method, TEMPLATES + path, body)
    assert problems(answer, 404) == [("path.template_id", 99, None)]


def test_a_connection_that_is_none_is_404(crm: Program) -> None:
    record = made(crm)
    for method in ("PUT", "DELETE"):
        answer = follow(crm, record, "nobody", method)
        assert problems(answer, 404) == [("path.sip_user", "nobody", None)]
    assert problems(follow(crm, record, "a%20b"))[0][:2] == ("path.sip_user", "a b")


def test_lists_are_paged_and_cost_the_same_however_long(
    crm: Program, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        record = made(crm, name=f"template {number}")
    for number in range(3):
        values = {"name": "x", "sip_user": f"user{number}", "template_id": record["id"]}
        Connection.objects.create(**values)
    with django_assert_max_num_queries(4):
        first = crm.get(f"{TEMPLATES}?limit=4").json()
    assert len(first["connection_templates"]) == 4
    last = crm.get(f"{TEMPLATES}?limit=4&cursor={first['next_cursor']}").json()
    assert [one["connections"] for one in last["connection_templates"]] == [3]
    path = f"{TEMPLATES}/{record['id']}/connections"
    with django_assert_max_num_queries(5):
        first = crm.get(f"{path}?limit=2").json()
    assert [one["sip_user"] for one in first["connections"]] == ["user0", "user1"]
    last = crm.get(f"{path}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["sip_user"] for one in last["connections"]] == ["user2"]
    assert last["next_cursor"] is None
