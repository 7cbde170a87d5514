"""Scanners: each module knows one protocol."""
