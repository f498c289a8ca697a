"""Grading a whole class at speed: nbgrader's scores, gradebook rows and files, by one writer and many workers.

assignment  all that a worker needs to know of an assignment, as plain data
task        one submitted notebook → the graded one; no gradebook, no class folder
writer      the only one who writes: rows first, then files
run         hands tasks out and writes what comes back; goes on where it was interrupted
"""
