"""The course as a website to read: solved notebooks, ledger, equivalences, exercises and API, offline, on any screen.

`build` makes all of it; `course site` is the command.
"""

from course.site.builder import Site, build
from course.site.errors import SiteError

__all__ = ["Site", "SiteError", "build"]
