"""The plain-Python twin of the compiled modules: specification, fallback and test oracle."""
