"""How good images and detections are, in numbers."""
