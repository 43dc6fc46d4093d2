"""The live engine: runs a Scenario through both designs with real processes and real waiting, to check the kernel."""
