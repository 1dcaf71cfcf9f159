import django.db.models.deletion
from django.db import migrations, models

_DOUBLE = {
    # model: (related name, the index, which has this name in every database)
    'leg': ('legs', 'callengine_leg_call_id_8ddf3660'),
    'callevent': ('events', 'callengine_callevent_call_id_84404303'),
    'agentsession': ('agent_sessions', 'callengine_agentsession_call_id_08904a74'),
    'agentsessionline': ('agent_lines', 'callengine_agentsessionline_call_id_2c44ae76'),
    'callheader': ('headers', 'callengine_callheader_call_id_b2ea109f'),
    'sipmessage': ('messages', 'callengine_sipmessage_call_id_c602515e'),
}


class Migration(migrations.Migration):
    """Drop indexes of a call that a unique one begins with.

    By name: Django would have SQLite copy the tables, which hold what is long.
    """

    dependencies = [
        ('callengine', '0018_call_shares'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f'DROP INDEX IF EXISTS {index}',
                    f'CREATE INDEX {index} ON callengine_{model} (call_id)',
                )
            ],
            state_operations=[
                migrations.AlterField(
                    model_name=model,
                    name='call',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name=related, to='callengine.call'),
                )
            ],
        )
        for model, (related, index) in _DOUBLE.items()
    ]
