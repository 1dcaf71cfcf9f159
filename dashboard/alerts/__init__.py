"""What the overview says, sent by mail and webhook: when, what, and by whom it is sent."""
