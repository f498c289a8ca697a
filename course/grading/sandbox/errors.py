"""What can go wrong with the sandbox, for people."""


class SandboxError(RuntimeError):
    """A kernel could not be started in the sandbox; the message says why."""


class SandboxUnavailable(SandboxError):
    """No sandbox works on this machine; the message says what to do."""
