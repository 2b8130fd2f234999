"""One family of errors for everything that a person's input can get wrong.

Each message holds what was found, the rule, and the next step. The command line turns each kind
into its own exit code (`exit_code`).
"""


class MvemotionError(Exception):
    """Base of all errors that a user can mend."""

    exit_code = 1


class InputError(MvemotionError):
    """An argument, option, profile or network id that does not exist or does not fit."""

    exit_code = 2


class DataError(MvemotionError):
    """A clip, folder, store or run whose content is not what it must be."""

    exit_code = 3


class DownloadError(MvemotionError):
    """A server that could not be reached, or that did not answer as needed."""

    exit_code = 5


class NotebookError(MvemotionError):
    """A notebook with a cell that failed."""

    exit_code = 4


class ReplicationError(MvemotionError):
    """A replication in which a network or a notebook failed."""

    exit_code = 4


class DivergedError(DataError):
    """A training whose loss is no longer finite."""


class ClipError(DataError):
    """One clip that cannot be used; `prepare` records it and goes on.

    Parameters
    ----------
    reason : str
        Short fixed word for the manifest, such as ``"no audio"``.
    detail : str
        What was found, the rule, and the next step.
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
