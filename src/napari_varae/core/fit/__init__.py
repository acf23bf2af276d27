"""The trained model: what it computes, how it is stored, how good it is."""
