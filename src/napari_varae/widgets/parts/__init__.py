"""What docks are built from: fields, forms, plots, tables."""
