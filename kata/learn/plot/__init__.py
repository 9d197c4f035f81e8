"""`kata plot`: what yours gives and what is expected, as one picture.

Data flows `pictures` (what is asked) → `gather` (asks both implementations across the waist, in children of the
worker) → `draw` (data to a figure) → `terminal` (shows it, where a terminal can). This process never imports
TensorFlow or a line of the learner's code.
"""
