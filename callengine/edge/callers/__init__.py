"""Who asks, what he may, and what becomes of his INVITE or REGISTER."""
