"""The outside: real adapters for the ports, and the stand-ins that only the demo and the tests may use."""
