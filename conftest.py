pytest_plugins = ["kata.pytest_plugin"]
