"""The crossover map: one or two answers varied over a grid, both designs simulated in every cell, the advice's own border laid over it."""
