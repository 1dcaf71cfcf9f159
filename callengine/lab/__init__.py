"""The lab's calls: between built-in phones, sounds through codecs, tests of trunks."""
