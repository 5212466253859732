"""What a caller of the Amazon endpoint can be told, by the names that boto3 turns into exception classes."""

from __future__ import annotations

from typing import Final

# Of the service model; boto3 has a class for each of them.
MODELLED: Final = (
    "InvalidInputException",
    "InvalidNextTokenException",
    "LimitExceededException",
    "ResourceAlreadyExistsException",
    "ResourceInUseException",
    "ResourceNotFoundException",
)
_FORBIDDEN: Final = (
    *("AccessDeniedException", "InvalidSignatureException", "MissingAuthenticationTokenException"),
    *("SignatureDoesNotMatch", "UnrecognizedClientException"),
)


class AmazonError(Exception):
    """An answer of status 4xx (500 for a fault of ours): the code becomes `__type`, the message is what boto3 shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """Of HTTP."""
        if self.code == "RequestEntityTooLargeException":
            return 413
        if self.code == "InternalServerException":
            return 500
        return 403 if self.code in _FORBIDDEN else 400


def invalid_input(message: str) -> AmazonError:
    """A request that is well-formed and cannot be carried out."""
    return AmazonError("InvalidInputException", message)


def not_found(arn: str) -> AmazonError:
    """A resource that is not there, or not in this region."""
    return AmazonError("ResourceNotFoundException", f"No resource found {arn}")


def already_exists(arn: str) -> AmazonError:
    """A second resource of one name."""
    return AmazonError("ResourceAlreadyExistsException", f"A resource already exists with the ARN {arn}")


def in_use(arn: str, why: str) -> AmazonError:
    """A resource that something else needs or is still working on."""
    return AmazonError("ResourceInUseException", f"Resource {arn} is in use: {why}")


def limit_exceeded(message: str) -> AmazonError:
    """A quota that is used up."""
    return AmazonError("LimitExceededException", message)


def serialization(message: str) -> AmazonError:
    """A body that is no JSON, or has another type where the model has its own."""
    return AmazonError("SerializationException", message)


def validation(message: str) -> AmazonError:
    """What the service model refuses; it is not in the model, so boto3 raises a bare ClientError."""
    return AmazonError("ValidationException", message)
