"""What voice agents speak on their websockets: one module a dialect, none with any I/O."""
