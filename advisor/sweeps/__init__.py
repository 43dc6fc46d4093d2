"""The crossover map: answers varied over a grid, both designs simulated closely where the answer changes, and what is advised there."""
