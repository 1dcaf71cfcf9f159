"""Links to one call's record, for people without an account."""
