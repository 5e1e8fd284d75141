"""What notebooks show: session, sliders, training panel, curves, the pad and dividers as widgets."""
