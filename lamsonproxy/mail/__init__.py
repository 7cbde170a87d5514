"""Floor 0: the words of mail as values. No I/O, no clock, no settings."""
