"""Well-known detectors, and how to get one: fetched by one command, verified before it is seen."""

from edge_agent.tools.registry.fetch import FetchSettings
from edge_agent.tools.registry.known import KnownModel, known_models, shipped_registry
from edge_agent.tools.registry.listing import ListedModel, Listing, listing
from edge_agent.tools.registry.pull import Pulled, pull

__all__ = [
    "FetchSettings",
    "KnownModel",
    "ListedModel",
    "Listing",
    "Pulled",
    "known_models",
    "listing",
    "pull",
    "shipped_registry",
]
