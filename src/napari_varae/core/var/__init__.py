"""A sparse VAR on any latents: lags, estimate, selection of the penalty, stability."""
