"""Submissions to scores, explanations and feedback, by nbgrader.

classroom.py   a class in a folder: release, submit, grade, read what came of it
autograde.py   nbgrader's Autograde for submissions as they come; cells.py restores, execute.py runs their cells
handed_in.py   what students hand in, read with care
batch/         `course autograde`: the same for a whole class at speed; runner/ does without Jupyter's kernels
sandbox/       what a submission is shut in
verdict/       a submission answers, the grader judges
clean.py       what a submission shows runs nothing in the pages made of it
diagnosis.py   outputs of the locked tests → sentences; remarks.py: sentences → outputs
report/        `course report`, and CSV for learning platforms
workers.py     several submissions side by side through nbgrader itself
forkserver.py  processes without the seconds of importing torch; provisioner.py hands them to Jupyter as kernels
settings.py    nbgrader's settings for all of this
review/        what a person should look at: forbidden calls, evasion, near-copies; read, never run
demo.py        `course demo`: a class (roster.py) with every known mistake in it (planting.py)
"""

from course import lean  # noqa: F401  (before anything imports nbformat)
