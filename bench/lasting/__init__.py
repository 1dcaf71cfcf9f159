"""Whether it lasts: an hour of calls under load, with no growth and no frame late."""
