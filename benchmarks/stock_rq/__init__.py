"""A queue of rq and a service of gunicorn as they come from PyPI, measured in real time and held against what `manage.py simulate` predicts.

Nothing of Crossover is imported: the simulator is asked by its command, with the Scenario files that anyone could write.
"""
