"""What stands in the way of a site."""


class SiteError(Exception):
    """The site cannot be built; the message says what to do."""
