"""The page: strokes drawn on images in a browser on the same machine."""
