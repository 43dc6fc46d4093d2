"""The crossover map: answers varied over a grid, both designs simulated in every cell, the advice's own border."""
