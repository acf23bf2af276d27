"""What the docks do, without a window: training, maps and comparisons into an analysis folder, and batches of them."""
