"""The Django project: settings from the environment alone, what must fit together, the doors."""
