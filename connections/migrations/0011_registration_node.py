from django.db import migrations, models

TRIGGERS = [f"directory_connections_registration_{event}" for event in ("insert", "update")]


def drop_triggers(apps, schema_editor):
    """SQLite drops no column that a trigger names."""
    if schema_editor.connection.vendor == "sqlite":
        for name in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ("connections", "0010_avoids_transcoding"),
    ]

    operations = [
        migrations.AddField(
            model_name="registration",
            name="node",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
