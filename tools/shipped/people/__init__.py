"""People for a drawing: appearance, what a drawing says about it, and the renderer."""
