"""The browser phone, and listening to a call."""
