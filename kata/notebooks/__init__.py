"""A chapter as a notebook: written, judged and helped from inside."""
