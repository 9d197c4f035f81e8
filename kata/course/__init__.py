"""What the folders hold: chapters, katas, stubs, hints, variants, and how far the learner has come."""
