"""SIP endpoints, and where they have registered from."""
