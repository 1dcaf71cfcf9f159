"""What calls and pages cost: see README.md. Never in tests."""
