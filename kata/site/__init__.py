"""The lessons as a static website: Markdown for a generator, the generator, and the folder that it ends up in."""
