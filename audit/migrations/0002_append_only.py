"""Let nobody change or delete an entry, whatever program asks."""

from django.db import migrations

SQLITE = (
    "CREATE TRIGGER audit_entry_no_{word} BEFORE {verb} ON audit_auditentry "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "DROP TRIGGER IF EXISTS audit_entry_no_{word}",
)
POSTGRESQL = (
    "CREATE FUNCTION audit_entry_no_{word}() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$; "
    "CREATE TRIGGER audit_entry_no_{word} BEFORE {verb} ON audit_auditentry "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_no_{word}()",
    "DROP TRIGGER IF EXISTS audit_entry_no_{word} ON audit_auditentry; "
    "DROP FUNCTION IF EXISTS audit_entry_no_{word}()",
)


def _run(editor, place):
    statement = (SQLITE if editor.connection.vendor == "sqlite" else POSTGRESQL)[place]
    for verb in ("update", "delete"):
        editor.execute(statement.format(word=verb, verb=verb.upper()), params=None)


def close(_apps, editor):
    _run(editor, 0)


def open_again(_apps, editor):
    _run(editor, 1)


class Migration(migrations.Migration):

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(close, open_again)]
