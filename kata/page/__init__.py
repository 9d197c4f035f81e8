"""The page: lesson, code, verdict and a picture that moves, side by side in a browser."""
