"""How to compute, not what: threads, compiled code, workers, device, checkpoint."""
