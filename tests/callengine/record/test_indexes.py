"""What is written with each call: no index that another one stands in for."""

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

pytestmark = pytest.mark.django_db


MODELS = list(apps.get_app_config("callengine").get_models())


@pytest.mark.parametrize("model", MODELS)
def test_no_index_begins_a_unique_one(model: type[Model]) -> None:
    """Whoever asks by the first columns of a unique index is served by that one."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    indexes = {name: tuple(one["columns"]) for name, one in found.items() if one["index"]}
    unique = {tuple(one["columns"]) for one in found.values() if one["unique"]}

    assert found, "not even the primary key was found"
    assert {
        name
        for name, columns in indexes.items()
        for longer in unique
        if len(columns) < len(longer) and longer[: len(columns)] == columns
    } == set()
