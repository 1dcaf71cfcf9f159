"""People with an account, and what their roles let them do."""
