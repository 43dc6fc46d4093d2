"""The live engine: runs a Scenario through both designs with real processes and real waiting, to compare the kernel with.

The controller (`engine`) prepares the jobs with the kernel's own random numbers, starts the processes, and reads what each writes in its
journal. The processes import no compiled code: they read the draws from a file.
"""
