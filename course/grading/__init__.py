"""Submissions to scores, explanations and feedback, by nbgrader.

classroom.py   a class in a folder: release, submit, grade, read what came of it
autograde.py   nbgrader's Autograde for submissions as they come; cells.py restores, execute.py runs their cells
diagnosis.py   outputs of the locked tests → sentences
workers.py     several submissions side by side
forkserver.py  kernels without the seconds of importing torch; provisioner.py hands them to Jupyter
sandbox/       what they are shut in
settings.py    nbgrader's settings for all of this
review/        what a person should look at: forbidden calls, evasion, near-copies; read, never run
demo.py        `course demo`: a class (roster.py) with every known mistake in it (planting.py)
"""
