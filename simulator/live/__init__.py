"""The live engine: a Scenario through both designs with real parts and real waiting, to hold the kernel to what happens.

The controller (`engine`) prepares the jobs with the kernel's own random numbers, starts every part as a process, lets the
clients send, and reads what each part wrote in its journal. The parts import no compiled code: they read the draws from a file.
"""
