"""Tables are kept from run to run, as long as what they are made of is the same."""

import inspect
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.signals import post_migrate

from tests.tables import MADE_OF, ROOT, Kept, version


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "trunks" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_initial.py").write_text("operations = []")
    for name in MADE_OF:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    return tmp_path


@pytest.mark.parametrize(
    "path", [*MADE_OF, "trunks/migrations/0001_initial.py", "trunks/migrations/0002_more.py"]
)
def test_tables_are_of_another_version_once_a_migration_or_a_package_changes(
    checkout: Path, path: str
) -> None:
    before = version(checkout)
    assert version(checkout) == before
    (checkout / path).write_text("changed")
    assert version(checkout) != before


@pytest.mark.django_db
def test_tables_that_were_copied_leave_nothing_to_migrate() -> None:
    executor = MigrationExecutor(connection)
    assert executor.loader.graph.leaf_nodes()
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_what_is_done_after_each_migrate_makes_another_version() -> None:
    done = (reference() for _, reference, *_ in post_migrate.receivers)
    files = {Path(inspect.getfile(one)) for one in done if one is not None}
    ours = {str(file.relative_to(ROOT)) for file in files if "site-packages" not in file.parts}
    assert ours <= {*MADE_OF}
    assert ours


def test_only_the_tables_of_this_version_are_lent_and_only_the_last_are_kept(
    tmp_path: Path,
) -> None:
    folder, file = tmp_path / "kept", tmp_path / "tables.sqlite3"
    folder.mkdir()
    for number in ("one", "two"):
        file.write_text(number)
        Kept(folder, number).take(file)
    assert not Kept(folder, "one").lend(file.with_name("other"))
    assert not file.with_name("other").exists()
    file.unlink()
    assert Kept(folder, "two").lend(file)
    assert file.read_text() == "two"
    assert [path.name for path in folder.iterdir()] == ["two.sqlite3"]
