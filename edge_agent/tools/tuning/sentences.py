"""What `why`, `replay` and `tune` say on a terminal, in the person's language.

Programs read English.
"""

from __future__ import annotations

import re

from edge_agent.language import told, translatable
from edge_agent.tools.sentences import of_running

#: The more a sentence says, the earlier it stands: the first that fits is said.
_SENTENCES = translatable(
    # replay
    "{clip}: {minutes} min, {decoded} pictures decoded, {number} analysed, {looks} looked at by "
    "the detector, {speed}x real time on one core",
    "{clip}: {minutes} min, {decoded} pictures decoded, {number} analysed, {looks} looked at by "
    "the detector",
    "no events",
    "{model}: candidates from {candidate}, told from {confirm}",
    # why: who was not told
    "{count} more: no threshold, zone or time told them: part of somebody else, or too seldom seen",
    "untold {when}  best {score}  {reason}",
    "not looked at {when}  {keys} ({number} of {pictures} pictures moved, at most {share} of the "
    "picture changed)",
    "light that changes",
    "looks that found nobody",
    "not looked at (nothing moved there: {keys})",
    "nothing held them back: a place learned as a nuisance, or taken for somebody told",
    "one value that tells {who}: {change}",
    "zones are easier drawn than typed: {command}",
    "a schedule's times are of {zone} (box.timezone)",
    "nobody was seen who was not told",
    "all {number}",
    # why: the minutes
    "{when}  not written yet: {until}",
    "the next at {time}",
    "once the box's clock is set",
    "{when}  no record: {hole}",
    "no record: {hole}",
    "the agent did not run",
    "no clip of it was analysed",
    "1 minute of record:",
    "{number} minutes of record:",
    "once more somebody may have been seen; the ring had no room for it",
    "{number} more times somebody may have been seen; the ring had no room for it",
    "1 record was damaged and left out",
    "{number} records were damaged and left out",
    # why: what held them back, and the change
    "{reasons} -> {change}",
    "{key} ({detail}) and {other}",
    "{one} = {value} and {other}",
    "without {key}",
    "{key} ({detail})",
    "nobody looked: nothing moved there",
    'feet at {foot} in ignore zone "{zone}"',
    'feet at {foot}, outside zone "{zone}"',
    "seen for {number} of {dwell} s",
    '{time}, when zone "{zone}" is not watched',
    "best {number}, from {candidate} on",
    "{number} of {all} looks within {seconds} s",
    "{high} high, least {least}",
    "{high} high, most {most}",
    "{number} to {most}",
    "{looks} looks scored {score} of {needed}, but not where it counts",
    "{looks} looks scored {score} of {needed}",
    "one look scored {score} of {needed}",
    "best {score} of {needed}",
    # tune
    "{clip}: {minutes} min, {number} pictures analysed, {looks} looked at by the detector",
    "lost    {when}  {number}  {zones}  {reason}",
    "lost    {when}  {number}  {reason}",
    "gained  {when}  {number}  {zones}  {reason}",
    "gained  {when}  {number}  {reason}",
    "nothing lost, nothing gained",
    "part of another event there",
    "taken for somebody told",
    "recommended: keep what holds now",
    "recommended: {settings}",
    "confidence {level}: {reason}",
    "none",
    "low",
    "medium",
    "high",
    "nothing tried is better than what holds now",
    "only {labelled} labelled; {few} are few, {many} say much",
    "one visit is",
    "{number} visits are",
    "the best on {number} visits; nothing to compare it with",
    "{better} visits or false alarms better, {worse} worse (sign test: p = {p})",
    "told {number} of {visits} visits: between {low} and {high} of visits like these",
    "CPU: {decode} s to decode and find motion, {detector} s in the detector, {decide} s to decide",
    # what fits much
    "{number} of {all}",
    "{camera}: {begin} to {end}, {zone}",
)


#: Of many minutes at once.
_SHORT = translatable(
    "somebody was told",
    "told",
    "no picture came",
    "pictures came and none was decoded",
    "the light changed",
    "something moved where looks found nobody before",
    "less changed than motion.min_area_frac",
    "no zone was watched (schedule)",
    "looked, and nothing looked like a person",
    "scored less than person.candidate_threshold",
    "scored less than person.confirm_threshold",
    "scored enough, but in too few looks, or not where, as long or as large as asked",
)
_DATES = translatable(
    "Mon {clock}",
    "Tue {clock}",
    "Wed {clock}",
    "Thu {clock}",
    "Fri {clock}",
    "Sat {clock}",
    "Sun {clock}",
)
#: `22:14-22:16  nothing moved`, `   12  nothing moved`.
_MINUTES = re.compile(r"((?:[0-9]{2} \w{3} )?[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}|[0-9]+)  (.+)")


def said(line: str) -> str:
    """A line of `why`, `replay` or `tune`, indented as it was."""
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    own = told(text, (*_SENTENCES, *_DATES))
    minutes = _MINUTES.fullmatch(text)
    if own != text or minutes is None:
        return indent + own
    short = told(minutes[2], _SHORT)
    return f"{indent}{minutes[1]}  {short if short != minutes[2] else of_running(minutes[2])}"
