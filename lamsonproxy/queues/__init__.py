"""Mail on disk."""
