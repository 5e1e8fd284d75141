"""Models as graphs: written, and opened again without PyTorch."""
