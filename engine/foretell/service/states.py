"""The states of jobs and of what they make, and which may follow which."""

from __future__ import annotations

from typing import Final, Literal

State = Literal[
    "CREATE_PENDING",
    "CREATE_IN_PROGRESS",
    "ACTIVE",
    "CREATE_FAILED",
    "CREATE_STOPPING",
    "CREATE_STOPPED",
    "DELETE_PENDING",
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "DELETED",  # of a job alone: what it deleted is gone
]
WAITING: Final = ("CREATE_PENDING", "DELETE_PENDING")
WORKING: Final = ("CREATE_IN_PROGRESS", "CREATE_STOPPING", "DELETE_IN_PROGRESS")
UNFINISHED: Final = (*WAITING, *WORKING)
FINISHED: Final = ("ACTIVE", "CREATE_FAILED", "CREATE_STOPPED", "DELETE_FAILED", "DELETED")
