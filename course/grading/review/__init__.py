"""How the code got there: submissions are read, never run, and what a person should look at is listed.

reading.py   a submission → syntax trees, IPython's own syntax included
names.py     what names stand for: through imports, aliases, containers, helper functions and strings
rules.py     forbidden calls, and ways around being seen
copies.py    answers that are alike but for names
flags.py     what one remark is; its text is safe to print
folder.py    a class's folder → remarks
listing.py   `course review`: remarks → a table

Flags change no score. A list without flags proves nothing: a person who is determined writes Python that no reader
of text understands; what cannot be understood is therefore itself a flag.
"""

from course.grading.review.flags import Flag
from course.grading.review.folder import ReviewError, Survey, survey

__all__ = ["Flag", "ReviewError", "Survey", "survey"]
