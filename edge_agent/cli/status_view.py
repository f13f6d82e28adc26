"""The agent's status in 80 columns, with colours where the terminal has some."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from edge_agent.foreign_text import printable

WIDTH = 80
_BAR = 10
#: The end of a bar is twice the threshold; the threshold stands in its middle.
_BAR_SPAN = 2.0
_GOOD, _ODD, _BAD, _DIM = "green", "yellow", "bold red", "dim"
_STATE_STYLES = {"online": _GOOD, "streaming": _GOOD, "connected": _GOOD, "connecting": _ODD}
_STATES = {"streaming": "online"}

Plain = Mapping[str, Any]


def status_text(status: Plain, *, in_full: bool) -> Text:
    """`in_full`: a camera with all that is known of it."""
    lines = [*_head(status), Text("")]
    if not status["cameras"]:
        lines.append(Text("no camera is watched", _ODD))
    elif not in_full:
        lines.append(Text(_row("CAMERA", "STATE", "SINCE", "FPS", "GATE", "MOTION", "SCORE"), _DIM))
    now = dt.datetime.fromisoformat(status["at_utc"])
    for camera in status["cameras"]:
        lines += _in_full(camera, now) if in_full else _in_short(camera, now)
    return Text("\n").join(lines)


# --- the box ---


def _head(status: Plain) -> Iterator[Text]:
    yield Text.assemble(
        ("edge-agent " + status["version"], "bold"),
        f"  {status['ward']}/{status['box']}  ",
        (status["state"], _STATE_STYLES.get(status["state"], _BAD)),
        f"  up {_span(status['uptime_s'])}",
    )
    for reason in status["reasons"]:
        yield from _wrapped("  ! ", reason, _BAD)
    yield from _config(status["config"])
    yield from _broker(status["broker"])
    clock = status["clock"]
    error = f", within {clock['error_ms']} ms" if "error_ms" in clock else ""
    at = status["at_utc"].replace("T", " ").replace("+00:00", " UTC")
    style = _GOOD if clock["quality"] == "synced" else _ODD
    yield Text.assemble(_label("clock"), f"{at}, ", (clock["quality"], style), error)
    yield from _detector(status["detector"])
    memory, disk = status["memory"], status["disk"]
    free = f"{disk['free_mib'] / 1024:.1f} GiB free" if "free_mib" in disk else disk["error"]
    used = f"{memory['used_mib']:.0f} of {memory['limit_mib']} MiB"
    yield _line(f"{_label('memory')}{used}; disk {free}")


def _config(config: Plain) -> Iterator[Text]:
    style = _GOOD if config["result"] == "applied" else _BAD
    yield Text.assemble(_label("config"), config["cfg"], " ", (config["result"], style))
    for error in config["errors"]:
        yield from _wrapped("  ! ", error, _BAD if config["result"] == "rejected" else _ODD)


def _broker(broker: Plain) -> Iterator[Text]:
    state = broker["state"]
    where = f"{broker['host']}:{broker['port']} "
    version = f", MQTT {broker['version']}" if "version" in broker else ""
    waiting = broker.get("waiting", "an unknown number")
    counts = f"{waiting} waiting, {broker['in_flight']} in flight, {broker['sent']} sent"
    yield _line(
        Text.assemble(
            _label("broker"),
            where,
            (state, _STATE_STYLES.get(state, _BAD)),
            f" for {_span(broker['since_s'])}{version}",
        )
    )
    yield Text(f"{_label('')}{counts}")
    if broker["denied"]:
        yield from _wrapped("  ! ", "the broker does not let this box publish: its ACL", _BAD)
    if "error" in broker:
        yield from _wrapped("  ! ", broker["error"], _BAD)


def _detector(detector: Plain) -> Iterator[Text]:
    model = detector.get("model", "none")
    words = f"auto is candidate {detector['candidate_threshold']:.2f}, "
    words += f"confirm {detector['confirm_threshold']:.2f}"
    yield _line(f"{_label('detector')}{model}; {words}")
    if "trouble" in detector:
        yield from _wrapped("  ! ", detector["trouble"], _BAD)


# --- a camera ---


def _row(*cells: str) -> str:
    name, state, since, fps, gate, motion, score = cells
    return (
        f"{_cut(name, 14):<14} {_cut(state, 11):<11} {_cut(since, 7):<7} {_cut(fps, 7):<7} "
        f"{_cut(gate, 9):<9} {motion:<12} {_cut(score, 13)}".rstrip()
    )


def _in_short(camera: Plain, now: dt.datetime) -> Iterator[Text]:
    state = _STATES.get(camera["state"], str(camera["state"]))
    style = _STATE_STYLES.get(camera["state"], _BAD)
    if camera["kind"] == "folder":
        line = Text(_row(camera["id"], state, "", "", "folder", "", ""))
    else:
        line = Text(
            _row(
                camera["id"],
                state,
                _since(camera["since_utc"], now),
                _fps(camera),
                camera.get("gate", {}).get("mode", ""),
                _bar(camera["motion"]),
                _score(camera["person"]),
            )
        )
    line.stylize(style, 15, 26)
    if camera.get("motion", {}).get("moving"):
        line.stylize("bold", 53, 65)
    yield line
    if "reason" in camera:
        yield from _wrapped("  ! ", camera["reason"], _BAD)
    for fault in camera.get("picture_faults", ()):
        yield from _wrapped("  ! ", fault, _BAD)
    for remark in (*camera.get("stream_remarks", ()), *camera.get("remarks", ())):
        yield from _wrapped("  . ", remark, _ODD)
    if camera.get("events"):
        yield Text(f"  {_event(camera['events'][-1], now)}", _DIM)


def _in_full(camera: Plain, now: dt.datetime) -> Iterator[Text]:
    name = f" ({printable(camera['name'])})" if "name" in camera else ""
    state = _STATES.get(camera["state"], str(camera["state"]))
    style = _STATE_STYLES.get(camera["state"], _BAD)
    since = f" for {_since(camera['since_utc'], now)}" if "since_utc" in camera else ""
    yield _line(Text.assemble((camera["id"], "bold"), name, "  ", (state, style), since))
    if "reason" in camera:
        yield from _wrapped("  ! ", camera["reason"], _BAD)
    if camera["kind"] == "folder":
        for key, value in camera["figures"].items():
            yield _line(f"  {key:<22} {value:g}")
        return
    stream = " ".join(str(camera[key]) for key in ("codec", "size") if key in camera)
    yield _line(f"{_label('stream')}{stream or 'not known yet'}, {_fps(camera)} fps analysed/sent")
    if "gate" in camera:
        gate = camera["gate"]
        yield from _wrapped(
            _label("gate"), f"{gate['mode']} ({gate['plan']}: {gate['reason']})", ""
        )
    motion = camera["motion"]
    moving = "moving" if motion["moving"] else "still"
    yield _line(
        f"{_label('motion')}{_bar(motion)} {moving}; {motion['changed_now_frac']:.3%} now, "
        f"{motion['changed_minute_frac']:.3%} at most"
    )
    yield _line(f"{_label('')}the smallest spot that counts is {motion['threshold_frac']:.3%}")
    person = camera["person"]
    yield _line(f"{_label('score')}{_score(person)} in the last minute")
    if "why" in person:
        yield from _wrapped(_label(""), person["why"], _ODD)
    for key in ("candidate_threshold", "confirm_threshold"):
        auto = " (auto)" if key in person["auto"] else ""
        yield _line(f"{_label('')}{key} {person[key]:.2f}{auto}")
    for fault in camera["picture_faults"]:
        yield from _wrapped("  ! ", fault, _BAD)
    for remark in (*camera["stream_remarks"], *camera["remarks"]):
        yield from _wrapped("  . ", remark, _ODD)
    for event in camera["events"]:
        yield _line(f"  {_event(event, now)}")


def _fps(camera: Plain) -> str:
    sent = camera.get("stream_fps")
    return f"{camera['analysed_fps']:.1f}" + (f"/{sent:.0f}" if sent is not None else "")


def _bar(motion: Plain) -> str:
    """What moves against the smallest spot that counts, which stands in the middle."""
    threshold = motion["threshold_frac"] or 1e-6
    filled = round(min(1.0, motion["changed_now_frac"] / threshold / _BAR_SPAN) * _BAR)
    cells = ["#" if at < filled else "." for at in range(_BAR)]
    cells.insert(_BAR // 2, "|")
    return "".join(cells)


def _score(person: Plain) -> str:
    """The best score of the last minute against what confirms a person."""
    threshold = person["confirm_threshold"]
    best = person.get("best_score")
    if best is None:
        return f"none < {threshold:.2f}"
    return f"{best:.2f} {'>=' if best >= threshold else '<'} {threshold:.2f}"


def _event(event: Plain, now: dt.datetime) -> str:
    ago = _since(event["utc"], now)
    if event["phase"] == "start":
        return f"{event['label']} came {ago} ago, score {event['top_score']:.2f}"
    lasted = f" after {_span(event['lasted_s'])}" if "lasted_s" in event else ""
    return f"{event['label']} gone {ago} ago{lasted}, best score {event['top_score']:.2f}"


# --- words ---


def _label(name: str) -> str:
    return f"{name:<9}"


def _since(utc: str, now: dt.datetime) -> str:
    return _span((now - dt.datetime.fromisoformat(utc)).total_seconds())


def _span(seconds: float) -> str:
    """`42 s`, `12 min`, `3 h`, `5 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _line(text: str | Text) -> Text:
    """At most as wide as the screen."""
    line = Text(printable(text)) if isinstance(text, str) else text
    line.truncate(WIDTH, overflow="ellipsis")
    return line


def _wrapped(begin: str, words: str, style: str) -> Iterator[Text]:
    """All of it, over as many lines as it takes."""
    line = begin
    for word in printable(words).split(" "):
        if len(line) + len(word) >= WIDTH and line.strip():
            yield Text(line.rstrip()[:WIDTH], style)
            line = " " * len(begin)
        line += f"{word} "
    yield Text(line.rstrip()[:WIDTH], style)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}~"
