"""What the service costs, measured against its own past and against stock parts, as ratios in one run."""
