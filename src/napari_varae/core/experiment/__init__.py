"""What is known about a recording beside its movie: cells, trials and behaviour."""
