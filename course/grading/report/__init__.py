"""For instructors, after grading: one page about an assignment, and the scores for a learning platform.

page    `course report`: how it went, where the class is stuck, what to look at
export  `nbgrader export --exporter=…`: CSV for Canvas and Moodle
"""
