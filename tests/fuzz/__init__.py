"""Input that a fuzzer makes up, for what reads strangers' mail (docs/fuzzing.md)."""
