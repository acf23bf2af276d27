"""A movie in local components: tiles, the compressed movie, its cache."""
