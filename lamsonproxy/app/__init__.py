"""Floor 2: what users write against; pure."""
