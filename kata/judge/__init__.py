"""From laws to verdicts, and to the name of the mistake."""
