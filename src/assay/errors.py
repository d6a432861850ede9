"""Every error that Assay raises on purpose, in one tree.

AssayError                      the message names the place and the mend
├── ConfigError                 a file of the application is wrong: path, line, key
├── InputError                  an argument, a question or a request is wrong
├── NotFound                    no such release, trace, document, index
├── PluginError                 a named plug-in is missing or cannot be loaded
├── StoreError                  the store cannot be read or written (disk, rights, lock, version)
├── SourceError                 one document could not be read; the others go on
├── Cancelled                   the caller went away
└── ModelError                  a model could not answer
    ├── ModelUnavailable        connection refused, 5xx, overloaded      safe to retry
    ├── ModelTimeout            no answer in time                        safe to retry
    ├── RateLimited             429, with the provider's reset           safe to retry, later
    ├── StreamBroken            the answer stopped in the middle         safe to retry if nothing was shown
    ├── InvalidOutput           not what was asked for: malformed JSON   safe to retry once
    ├── AuthenticationFailed    key missing, wrong or without rights     never
    ├── ContextTooLong          the request exceeds the window           never as it is
    ├── ContentFiltered         the provider refused                     never as it is
    └── ModelRefusedRequest     any other 4xx                            never

Foreign exceptions are translated where they enter (models/, stores/, ingestion/), never
above. The command line prints the message and exits 2; a traceback is a bug.
"""

from __future__ import annotations


class AssayError(Exception):
    """The root. ``str(error)`` is one or two sentences for a person."""


class ConfigError(AssayError):
    """A file of the application is wrong.

    ``path`` is as the user named it, ``line`` counts from 1 (None when unknown).
    """

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


class InputError(AssayError):
    """An argument, a question or a request is wrong."""


class NotFound(AssayError):
    """What was named does not exist."""


class PluginError(AssayError):
    """A plug-in is missing, or cannot be loaded; names the extra to install."""


class StoreError(AssayError):
    """The store cannot be read or written."""


class SourceError(AssayError):
    """One document could not be read or parsed; the reason is the message."""


class Cancelled(AssayError):
    """The caller went away; the work was stopped."""


class ModelError(AssayError):
    """A model could not answer. ``retryable`` says whether the same request may be sent again."""

    retryable = False

    def __init__(self, message: str, *, model: str, status: int | None = None) -> None:
        self.model, self.status = model, status
        super().__init__(f"{model}: {message}")


class ModelUnavailable(ModelError):
    """Connection refused, 5xx or overloaded."""

    retryable = True


class ModelTimeout(ModelError):
    """No answer within the time allowed."""

    retryable = True


class RateLimited(ModelError):
    """429; ``retry_after`` in seconds, where the provider said so."""

    retryable = True

    def __init__(self, message: str, *, model: str, status: int | None = 429, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, model=model, status=status)


class StreamBroken(ModelError):
    """The stream ended before the model had finished."""

    retryable = True


class InvalidOutput(ModelError):
    """The provider's reply is not what its API promises, or not the schema asked for."""

    retryable = True


class AuthenticationFailed(ModelError):
    """The key is missing, wrong or lacks the right; names the environment variable, never its value."""


class ContextTooLong(ModelError):
    """The request exceeds the model's window."""


class ContentFiltered(ModelError):
    """The provider's filter refused the request or the answer."""


class ModelRefusedRequest(ModelError):
    """Any other 4xx."""
