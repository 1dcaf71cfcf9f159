"""What decides, and the words for it: pure. Events in, effects out, time an argument."""
