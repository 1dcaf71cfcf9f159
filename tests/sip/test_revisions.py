"""Two people at one row: who may write, decided once for values, marks, fields and orders."""

import pytest

from sip.revisions import ConflictError, is_news, locked, mark, news, save_unless_changed
from trunks.models import Trunk


@pytest.mark.parametrize(
    ("stored", "seen", "wanted", "outcome"),
    [
        ("a", "a", "b", True),
        ("a", "a", "a", False),
        ("b", "a", "b", False),
        ("c", "a", "b", "conflict"),
        ("c", "a", "a", "conflict"),
        ([1, 2], [1, 2], [2, 1], True),
        ([2, 1], [1, 2], [1, 2], "conflict"),
    ],
)
def test_what_is_wanted_is_written_over_what_was_seen_alone(stored, seen, wanted, outcome):
    if outcome == "conflict":
        with pytest.raises(ConflictError, match="Not saved") as raised:
            is_news(stored=stored, seen=seen, wanted=wanted, text="Not saved")
        assert raised.value.stored == stored
    else:
        assert is_news(stored=stored, seen=seen, wanted=wanted) is outcome


def test_fields_are_decided_one_by_one_and_all_or_none_is_written():
    stored = {"name": "theirs", "enabled": True, "address": ""}
    seen = {"name": "old", "enabled": True, "address": ""}
    assert news(stored=stored, seen=seen, wanted={"enabled": False, "address": ""}) == {
        "enabled": False
    }
    with pytest.raises(ConflictError) as raised:
        news(stored=stored, seen=seen, wanted={"name": "mine", "enabled": False})
    assert raised.value.stored == {"name": "theirs"}


@pytest.mark.django_db
def test_a_mark_tells_values_apart_and_nothing_of_them():
    row = Trunk.objects.create(name="one", in_allowed_addresses=["192.0.2.1/32"])
    first = mark(row, ("name", "in_allowed_addresses"))
    row.in_allowed_addresses = ["192.0.2.2/32"]
    assert first != mark(row, ("name", "in_allowed_addresses"))
    assert len(first) == 32
    assert "192.0" not in first


@pytest.mark.django_db
def test_two_who_want_the_same_have_no_conflict_and_a_third_has():
    row = Trunk.objects.create(name="old")
    seen = mark(row, ("name",))
    for _ in range(2):
        row.name = "new"
        save_unless_changed(row=row, shown_fields=("name",), seen=seen)
    row.name = "other"
    with pytest.raises(ConflictError, match=r"Stored now: name: new\."):
        save_unless_changed(row=row, shown_fields=("name",), seen=seen)
    assert Trunk.objects.get().name == "new"


@pytest.mark.django_db
def test_a_conflict_tells_what_differs_and_not_at_length():
    row = Trunk.objects.create(name="t", out_username="we")
    seen = mark(row, ("name", "out_username"))
    Trunk.objects.update(out_username="x" * 255)
    row.out_username = "others"
    with pytest.raises(ConflictError) as caught:
        save_unless_changed(row=row, shown_fields=("name", "out_username"), seen=seen)
    assert f"Stored now: OUT: user name: {'x' * 200}.... What" in str(caught.value)


@pytest.mark.django_db
def test_a_row_that_is_gone_is_a_conflict():
    row = Trunk.objects.create(name="old")
    Trunk.objects.all().delete()
    assert locked(Trunk, row.pk) is None
    with pytest.raises(ConflictError, match="deleted"):
        save_unless_changed(row=row, shown_fields=("name",), seen="")
