"""Registers the plugin in a clone where the package was never installed, so that plain `pytest` works there.

Where it is installed, its entry point of the same name has registered it already, before pytest looked for any
conftest, and the line below changes nothing.
"""

pytest_plugins = ["kata.pytest_plugin"]
