"""The platform's settings, keys of the API, music on hold."""
