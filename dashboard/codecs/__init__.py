"""Lists of codecs, wherever they are kept: shown, and saved as they are dragged."""
