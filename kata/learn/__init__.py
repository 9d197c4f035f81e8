"""What a learner sees: watch, messages, progress, comparison, plots."""
