"""The comparison of two frame sets: are their dynamics equal."""
