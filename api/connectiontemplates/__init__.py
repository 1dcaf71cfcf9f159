"""`/v1/connection-templates`: codec lists that many connections have alike."""
