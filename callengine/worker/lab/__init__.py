"""Programs beside calls: the built-in phone, and a sound sent through codecs."""
