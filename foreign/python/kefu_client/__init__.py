"""A client of Kefu: the protocol of docs/protocol.md over WebSockets, and over SSE + POST where those are blocked."""

from .api import Api, ApiError
from .client import Client, GaveUp, LoginNeeded, NotFollowed
from .commands import Rejected
from .conversation import Conversation

__all__ = ["Api", "ApiError", "Client", "Conversation", "GaveUp", "LoginNeeded", "NotFollowed", "Rejected"]
