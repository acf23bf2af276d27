"""From a movie to a fit."""
