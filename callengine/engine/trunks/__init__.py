"""The trunks of this engine: registered, probed, and what is known of their gateways."""
