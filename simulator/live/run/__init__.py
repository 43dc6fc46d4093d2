"""A live run: its plan, processes, measurement and comparison with the kernel's prediction."""
