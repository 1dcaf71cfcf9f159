"""Demo configuration and phones: the six worked examples and a voice agent, on loopback."""
