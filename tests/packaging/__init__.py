"""What is installed from a wheel."""
