"""Families of wordings, by what they are about. Each is a tuple of patterns that `wordings` joins."""
