"""An image that is corrected by strokes: only what a stroke can change is computed."""
