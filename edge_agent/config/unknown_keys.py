"""What a key that the schema does not know was meant to be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from msgspec import inspect

from edge_agent.config.repairs import unaccented
from edge_agent.config.tables import Table
from edge_agent.config.words import joined, unwrapped

_PASSWORD_KEYS = frozenset({"password", "passwd", "pass", "pwd", "secret", "token"})
_PASSWORD_KEYS |= {"passwort", "kennwort", "matkhau", "passcode", "passphrase", "credentials"}

#: Names of Frigate, ZoneMinder, motionEye, Home Assistant, Telegraf and of people -> ours. The
#: first one of the table where the key was found is meant, else the first one.
_FOREIGN: Mapping[str, tuple[str, ...]] = {
    "minscore": ("person.candidate_threshold",),
    "threshold": ("person.confirm_threshold", "motion.sensitivity"),
    "confidence": ("person.confirm_threshold",),
    "minconfidence": ("person.confirm_threshold",),
    "conf": ("person.confirm_threshold",),
    "score": ("person.confirm_threshold",),
    "minarea": ("person.min_height_frac", "motion.min_area_frac"),
    "maxarea": ("person.max_height_frac",),
    "minsize": ("person.min_height_frac", "motion.min_area_frac"),
    "minheight": ("person.min_height_frac",),
    "maxheight": ("person.max_height_frac",),
    "contourarea": ("motion.min_area_frac",),
    "noiselevel": ("motion.sensitivity",),
    "minhits": ("person.confirm_looks",),
    "minframes": ("person.confirm_looks",),
    "minimumframes": ("person.confirm_looks",),
    "initialized": ("person.confirm_looks",),
    "maxdisappeared": ("person.lost_after_s",),
    "timeout": ("person.lost_after_s", "source.open_timeout_s"),
    "eventgap": ("person.cooldown_s", "motion.quiet_s"),
    "cooldown": ("person.cooldown_s",),
    "rtspurl": ("source.url",),
    "rtsp": ("source.url",),
    "stream": ("source.url",),
    "streamurl": ("source.url",),
    "streamsource": ("source.url",),
    "substream": ("source.url",),
    "inputs": ("source.url",),
    "input": ("source.url",),
    "uri": ("source.url",),
    "ip": ("source.url", "mqtt.host"),
    "host": ("source.url", "mqtt.host"),
    "hostname": ("source.url", "mqtt.host"),
    "address": ("source.url", "mqtt.host"),
    "port": ("source.url", "mqtt.port"),
    "mainstream": ("source.main_url",),
    "recordurl": ("source.main_url",),
    "user": ("source.username", "mqtt.username"),
    "login": ("source.username", "mqtt.username"),
    "account": ("source.username", "mqtt.username"),
    "passwordpath": ("source.password_file", "mqtt.password_file"),
    "protocol": ("source.transport", "mqtt.version"),
    "rtsptransport": ("source.transport",),
    "type": ("source.kind",),
    "framerate": ("fps",),
    "detectfps": ("fps", "analysis.fps"),
    "coordinates": ("zones.polygon",),
    "coords": ("zones.polygon",),
    "points": ("zones.polygon",),
    "roi": ("zones.polygon",),
    "inertia": ("zones.dwell_s",),
    "loiteringtime": ("zones.dwell_s",),
    "duration": ("zones.dwell_s", "motion.min_duration_s"),
    "mask": ("privacy_masks", "ignore_zones"),
    "motionmask": ("ignore_zones",),
    "exclude": ("ignore_zones",),
    "broker": ("mqtt.host",),
    "server": ("mqtt.host",),
    "brokerurl": ("mqtt.host",),
    "url": ("source.url", "mqtt.host"),
    "clientid": ("box.id",),
    "topic": ("box.ward",),
    "topicprefix": ("box.ward",),
    "basetopic": ("box.ward",),
    "keepalive": ("mqtt.keepalive_s",),
    "ssl": ("mqtt.tls",),
    "usetls": ("mqtt.tls",),
    "insecure": ("mqtt.allow_insecure",),
    "tlsinsecure": ("mqtt.allow_insecure",),
    "ca": ("mqtt.tls.ca_file",),
    "cafile": ("mqtt.tls.ca_file",),
    "cacert": ("mqtt.tls.ca_file",),
    "cacerts": ("mqtt.tls.ca_file",),
    "cert": ("mqtt.tls.cert_file",),
    "certfile": ("mqtt.tls.cert_file",),
    "clientcert": ("mqtt.tls.cert_file",),
    "certificate": ("mqtt.tls.cert_file",),
    "keyfile": ("mqtt.tls.key_file",),
    "clientkey": ("mqtt.tls.key_file",),
    "modelpath": ("detector.model",),
    "numthreads": ("detector.threads",),
    "datadir": ("box.state_dir",),
    "database": ("box.state_dir",),
    "storage": ("box.state_dir",),
    "tz": ("box.timezone", "source.time_zone"),
    "timezone": ("box.timezone", "source.time_zone"),
    "loglevel": ("log.level",),
    "verbosity": ("log.level",),
    "debug": ("log.level",),
    "record": ("clips.enabled",),
    "recording": ("clips.enabled",),
    "retain": ("clips.retention_h", "snapshots.retention_h"),
    "retaindays": ("clips.retention_h", "snapshots.retention_h"),
    "retentiondays": ("clips.retention_h", "snapshots.retention_h"),
    "precapture": ("clips.pre_s",),
    "postcapture": ("clips.post_s",),
    "nightmode": ("profiles", "zones.schedule"),
    "profile": ("profiles",),
    "hours": ("zones.schedule",),
    "from": ("zones.schedule.start",),
    "until": ("zones.schedule.end",),
    "to": ("zones.schedule.end",),
    "weekdays": ("zones.schedule.days",),
}
#: "camera" is not meant to be "name" (0.6), but "fsp" is "fps" (0.67).
_LIKE = 0.65
_LISTS = ("zones.schedule", "zones", "ignore_zones", "privacy_masks")


def unknown_key_fix(
    key: str, known: Sequence[str], path: str, root: type[Table], other: type[Table] | None
) -> str:
    """What to do about `key` in the table `path` of a file whose top table is `root`.

    `other` is the top table of the other kind of file, agent.toml or a camera's.
    """
    folded = _folded(key)
    if folded in _PASSWORD_KEYS:
        return "secrets are never written here: put it into a file and set password_file"
    if alike := [name for name in known if _folded(name) == folded]:
        return f"did you mean {joined(path, alike[0])}?"
    if path.startswith("profiles.") and key in units(root):
        return f"it is the same in every profile; a profile changes {', '.join(known[2:])}"
    if places := homes(root).get(key, ()):
        return f"it belongs {' or '.join(places)}"
    if foreign := _ours(folded, path, root):
        return f"here it is called {foreign}"
    return _nearest(key, known, path, root, other)


def _nearest(
    key: str, known: Sequence[str], path: str, root: type[Table], other: type[Table] | None
) -> str:
    """A slip of the fingers, or a key of the other kind of file."""
    if close := difflib.get_close_matches(key.casefold(), known, n=1, cutoff=_LIKE):
        return f"did you mean {joined(path, close[0])}?"
    if other is not None and (places := homes(other).get(key, ())):
        below = "" if places[0].startswith("at the top") else f", {' or '.join(places)}"
        return f"it belongs into {_file_of(other)}{below}"
    if elsewhere := difflib.get_close_matches(key.casefold(), homes(root), n=1, cutoff=0.75):
        return f"did you mean {elsewhere[0]} {homes(root)[elsewhere[0]][0]}?"
    return f"known here: {', '.join(known)}"


def _folded(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unaccented(key).casefold())


def _ours(folded: str, path: str, root: type[Table]) -> str:
    """Our name of another tool's, as it is written in this file; '' when there is none."""
    table = re.sub(r"\[\d+\]", "", path).removeprefix("defaults.").removeprefix("defaults")
    reachable = [name for name in _FOREIGN.get(folded, ()) if _located(name, root)]
    if not reachable:
        return ""
    in_table = [name for name in reachable if name.rpartition(".")[0] == table]
    chosen = (in_table or reachable)[0]
    return _located(chosen, root)


def _located(name: str, root: type[Table]) -> str:
    """`person.min_height_frac (share of the height)`; '' where the file has no such key."""
    for prefix in ("", "defaults."):
        unit = units(root).get(prefix + name)
        if unit is None:
            continue
        table, _, key = name.rpartition(".")
        if table in _LISTS:
            shown = f"{key} in [[{table}]]"
        elif name in _LISTS:
            shown = f"[[{name}]]"
        else:
            shown = prefix + name
        return f"{shown} ({unit})" if unit else shown
    return ""


def _file_of(root: type[Table]) -> str:
    return "agent.toml" if root.__name__ == "AgentFile" else "a camera's file, cameras.d/*.toml"


@cache
def homes(root: type[Table]) -> Mapping[str, Sequence[str]]:
    """Where in a file a key is known: for keys that slipped into the wrong table."""
    found: dict[str, list[str]] = {}
    for path, _unit, in_list in _keys(root):
        table, _, key = path.rpartition(".")
        header = f"in [[{table}]]" if in_list else f"in [{table}]"
        place = header if table else "at the top, before the first [table]"
        places = found.setdefault(key, [])
        if place not in places:
            places.append(place)
    return found


@cache
def units(root: type[Table]) -> Mapping[str, str]:
    """Every key of a file by its dotted path, with its unit."""
    return {path: unit for path, unit, _ in _keys(root)}


def _keys(root: type[Table]) -> Iterator[tuple[str, str, bool]]:
    """(dotted path, unit, is its table a list?)"""

    def visit(kind: inspect.Type, path: str, *, in_list: bool) -> Iterator[tuple[str, str, bool]]:
        bare, _ = unwrapped(kind)
        match bare:
            case inspect.UnionType(types=types):
                for member in types:
                    yield from visit(member, path, in_list=in_list)
            case inspect.VarTupleType(item_type=item):
                yield from visit(item, path, in_list=True)
            case inspect.StructType():
                if bare.tag_field:
                    yield joined(path, str(bare.tag_field)), "", in_list
                for field in bare.fields:
                    own = joined(path, field.encode_name)
                    yield own, str(unwrapped(field.type)[1].get("unit", "")), in_list
                    yield from visit(field.type, own, in_list=False)

    yield from visit(inspect.type_info(root), "", in_list=False)
