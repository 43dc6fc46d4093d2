"""The crossover map in words, as letters for the command line, and as a figure for the page."""
