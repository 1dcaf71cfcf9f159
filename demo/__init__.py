"""Demo configuration and demo phones: the six worked examples as real calls on loopback."""
