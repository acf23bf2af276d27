"""Images to latents and back: one module per network."""
