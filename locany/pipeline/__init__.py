"""Making training data: a list of steps over samples, run on this machine or on a cluster."""
