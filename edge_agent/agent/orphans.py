"""Events that a crash or a power cut left open: they end with `restart` at the next start.

Nothing is known of them after their newest message, so their end says that message's moment,
in that message's clock and boot.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from edge_agent.clock import Clock
from edge_agent.contract import BoxTopics, Position, UlidGenerator, decode_event, encode_event
from edge_agent.domain import EndReason, Phase
from edge_agent.errors import ContractError
from edge_agent.outbox import Draft, OrphanedEvent, Outbox

log = logging.getLogger(__name__)


def closing_drafts(outbox: Outbox, topics: BoxTopics, clock: Clock) -> list[Draft]:
    """One `end` for each event that was open when the agent stopped.

    A newest message that cannot be read any more is put aside and announced: so is then, to the
    ward, that more of its event will not come.
    """
    ids = UlidGenerator()
    drafts = []
    for orphan in outbox.open_events():
        try:
            drafts.append(_closing(orphan, topics, ids.next(clock.read().utc_s)))
        except ContractError as error:
            log.error("%s: an open event cannot be ended: %s", orphan.camera, error)
            outbox.damaged((orphan.last.row_id,), undecodable=True)
    return drafts


def _closing(orphan: OrphanedEvent, topics: BoxTopics, message_id: str) -> Draft:
    message = decode_event(orphan.last.payload)
    event = replace(
        message.event,
        phase=Phase.END,
        rev=message.event.rev + 1,
        end_s=message.event.at_s,
        end_reason=EndReason.RESTART,
    )

    def encode(position: Position) -> tuple[str, bytes]:
        envelope = replace(
            message.envelope,
            message_id=message_id,
            epoch=position.epoch,
            seq=position.seq,
            end_utc_s=message.envelope.at_utc_s,
        )
        return topics.event(event.camera, event.label), encode_event(event, envelope)

    return Draft(
        message_id=message_id,
        event_id=event.event_id,
        camera=event.camera,
        label=event.label,
        phase=event.phase,
        created=message.envelope.clock,
        encode=encode,
    )
