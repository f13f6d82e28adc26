"""The agent's status in 80 columns, with colours where the terminal has some."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from edge_agent.foreign_text import printable
from edge_agent.language import _, spoken
from edge_agent.tools.sentences import of_running, of_state

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
        lines.append(Text(_("no camera is watched"), _ODD))
    elif not in_full:
        lines.append(Text(_row(*_headings()), _DIM))
    now = dt.datetime.fromisoformat(status["at_utc"])
    for camera in status["cameras"]:
        lines += _in_full(camera, now) if in_full else _in_short(camera, now)
    return Text("\n").join(lines)


# --- the box ---


def _head(status: Plain) -> Iterator[Text]:
    yield Text.assemble(
        ("edge-agent " + status["version"], "bold"),
        f"  {status['ward']}/{status['box']}  ",
        (of_state(status["state"]), _STATE_STYLES.get(status["state"], _BAD)),
        "  " + _("up {time}").format(time=_span(status["uptime_s"])),
    )
    for reason in status["reasons"]:
        yield from _wrapped("  ! ", of_running(reason), _BAD)
    yield from _config(status["config"])
    yield from _broker(status["broker"])
    clock = status["clock"]
    error = _(", within {ms} ms").format(ms=clock["error_ms"]) if "error_ms" in clock else ""
    at = status["at_utc"].replace("T", " ").replace("+00:00", " UTC")
    style = _GOOD if clock["quality"] == "synced" else _ODD
    yield Text.assemble(_label("clock"), f"{at}, ", (of_state(clock["quality"]), style), error)
    yield from _detector(status["detector"])
    memory, disk = status["memory"], status["disk"]
    free = disk.get("error", "")
    if "free_mib" in disk:
        free = _("{gib} GiB free").format(gib=f"{disk['free_mib'] / 1024:.1f}")
    text = _("{used} of {limit} MiB; disk {free}")
    used = f"{memory['used_mib']:.0f}"
    said = text.format(used=used, limit=memory["limit_mib"], free=free)
    yield _line(_label("memory") + said)


def _config(config: Plain) -> Iterator[Text]:
    style = _GOOD if config["result"] == "applied" else _BAD
    yield Text.assemble(_label("config"), config["cfg"], " ", (of_state(config["result"]), style))
    for error in config["errors"]:
        yield from _wrapped(
            "  ! ", of_running(error), _BAD if config["result"] == "rejected" else _ODD
        )


def _broker(broker: Plain) -> Iterator[Text]:
    state = broker["state"]
    where = f"{broker['host']}:{broker['port']} "
    version = f", MQTT {broker['version']}" if "version" in broker else ""
    waiting = broker.get("waiting", _("an unknown number"))
    counts = _("{waiting} waiting, {flying} in flight, {sent} sent").format(
        waiting=waiting, flying=broker["in_flight"], sent=broker["sent"]
    )
    yield _line(
        Text.assemble(
            _label("broker"),
            where,
            (of_state(state), _STATE_STYLES.get(state, _BAD)),
            _(" for {time}").format(time=_span(broker["since_s"])) + version,
        )
    )
    yield Text(f"{_label('')}{counts}")
    if broker["denied"]:
        yield from _wrapped("  ! ", _("the broker does not let this box publish: its ACL"), _BAD)
    if "error" in broker:
        yield from _wrapped("  ! ", of_running(broker["error"]), _BAD)


def _detector(detector: Plain) -> Iterator[Text]:
    text = _("{model}; auto is candidate {candidate}, confirm {confirm}")
    said = text.format(
        model=detector.get("model", _("none")),
        candidate=f"{detector['candidate_threshold']:.2f}",
        confirm=f"{detector['confirm_threshold']:.2f}",
    )
    yield _line(_label("detector") + said)
    if "trouble" in detector:
        yield from _wrapped("  ! ", of_running(detector["trouble"]), _BAD)


# --- a camera ---


def _row(*cells: str) -> str:
    name, state, since, fps, gate, motion, score = cells
    return (
        f"{_cut(name, 14):<14} {_cut(state, 11):<11} {_cut(since, 8):<8} {_cut(fps, 7):<7} "
        f"{_cut(gate, 8):<8} {motion:<12} {_cut(score, 13)}".rstrip()
    )


def _in_short(camera: Plain, now: dt.datetime) -> Iterator[Text]:
    state = of_state(_STATES.get(camera["state"], str(camera["state"])))
    style = _STATE_STYLES.get(camera["state"], _BAD)
    if camera["kind"] == "folder":
        line = Text(_row(camera["id"], state, "", "", of_state("folder"), "", ""))
    else:
        line = Text(
            _row(
                camera["id"],
                state,
                _since(camera["since_utc"], now),
                _fps(camera),
                of_state(camera.get("gate", {}).get("mode", "")),
                _bar(camera["motion"]),
                _score(camera["person"]),
            )
        )
    line.stylize(style, 15, 26)
    if camera.get("motion", {}).get("moving"):
        line.stylize("bold", 53, 65)
    yield line
    if "reason" in camera:
        yield from _wrapped("  ! ", of_running(camera["reason"]), _BAD)
    for fault in camera.get("picture_faults", ()):
        yield from _wrapped("  ! ", of_running(fault), _BAD)
    for remark in (*camera.get("stream_remarks", ()), *camera.get("remarks", ())):
        yield from _wrapped("  . ", of_running(remark), _ODD)
    yield from _untold(camera)
    if camera.get("events"):
        yield Text(f"  {_event(camera['events'][-1], now)}", _DIM)


def _untold(camera: Plain) -> Iterator[Text]:
    """Where a person was surely seen and nobody told: what tells why."""
    person = camera.get("person", {})
    if "why" in person and person.get("best_score", 0.0) >= person["confirm_threshold"]:
        text = _("a person was seen and not told: edge-agent why --camera {camera} says which key")
        yield from _wrapped("  . ", text.format(camera=camera["id"]), _ODD)


def _in_full(camera: Plain, now: dt.datetime) -> Iterator[Text]:
    name = f" ({printable(camera['name'])})" if "name" in camera else ""
    state = of_state(_STATES.get(camera["state"], str(camera["state"])))
    style = _STATE_STYLES.get(camera["state"], _BAD)
    since = ""
    if "since_utc" in camera:
        since = _(" for {time}").format(time=_since(camera["since_utc"], now))
    yield _line(Text.assemble((camera["id"], "bold"), name, "  ", (state, style), since))
    if "reason" in camera:
        yield from _wrapped("  ! ", of_running(camera["reason"]), _BAD)
    if camera["kind"] == "folder":
        for key, value in camera["figures"].items():
            yield _line(f"  {key:<22} {value:g}")
        return
    stream = " ".join(str(camera[key]) for key in ("codec", "size") if key in camera)
    text = _("{stream}, {fps} fps analysed/sent")
    said = text.format(stream=stream or _("not known yet"), fps=_fps(camera))
    yield _line(_label("stream") + said)
    yield from _decoding(camera)
    motion = camera["motion"]
    text = _("moving; {now} now, {most} at most")
    if not motion["moving"]:
        text = _("still; {now} now, {most} at most")
    said = text.format(
        now=f"{motion['changed_now_frac']:.3%}", most=f"{motion['changed_minute_frac']:.3%}"
    )
    yield _line(f"{_label('motion')}{_bar(motion)} {said}")
    text = _("the smallest spot that counts is {share}")
    yield _line(_label("") + text.format(share=f"{motion['threshold_frac']:.3%}"))
    person = camera["person"]
    yield _line(_label("score") + _("{score} in the last minute").format(score=_score(person)))
    if "why" in person:
        yield from _wrapped(_label(""), of_running(person["why"]), _ODD)
    for key in ("candidate_threshold", "confirm_threshold"):
        auto = _(" (auto)") if key in person["auto"] else ""
        yield _line(f"{_label('')}{key} {person[key]:.2f}{auto}")
    for fault in camera["picture_faults"]:
        yield from _wrapped("  ! ", of_running(fault), _BAD)
    for remark in (*camera["stream_remarks"], *camera["remarks"]):
        yield from _wrapped("  . ", of_running(remark), _ODD)
    yield from _untold(camera)
    for event in camera["events"]:
        yield _line(f"  {_event(event, now)}")


def _decoding(camera: Plain) -> Iterator[Text]:
    """What is decoded, and with which settings it is decided upon."""
    if "gate" in camera:
        gate = camera["gate"]
        plan, reason = of_running(gate["plan"]), of_running(gate["reason"])
        said = f"{of_state(gate['mode'])} ({plan}: {reason})"
        yield from _wrapped(_label("gate"), said, "")
    if "profile" in camera:
        yield _line(_label("profile") + _profile(camera["profile"]))


def _profile(profile: Plain) -> str:
    """The one in force, and what brought it there."""
    name = profile.get("name") or _("none: the camera's own settings")
    by = profile.get("by")
    return f"{name} ({of_state(by)})" if by else name


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
        return f"{_('none ').strip()} < {threshold:.2f}"
    return f"{best:.2f} {'>=' if best >= threshold else '<'} {threshold:.2f}"


def _event(event: Plain, now: dt.datetime) -> str:
    ago = _since(event["utc"], now)
    label, score = of_state(event["label"]), f"{event['top_score']:.2f}"
    if event["phase"] == "start":
        text = _("{label} came {ago} ago, score {score}")
        return text.format(label=label, ago=ago, score=score)
    if "lasted_s" not in event:
        text = _("{label} gone {ago} ago, best score {score}")
        return text.format(label=label, ago=ago, score=score)
    text = _("{label} gone {ago} ago after {time}, best score {score}")
    return text.format(label=label, ago=ago, score=score, time=_span(event["lasted_s"]))


# --- words ---


def _label(name: str) -> str:
    """Left of a line, in a column of its own."""
    # With a blank at the end where the word alone is said otherwise elsewhere.
    names = {
        "": "",
        "clock": _("clock "),
        "memory": _("memory "),
        "config": _("config"),
        "broker": _("broker "),
        "detector": _("detector "),
        "stream": _("stream"),
        "gate": _("gate"),
        "profile": _("profile"),
        "motion": _("motion "),
        "score": _("score"),
    }
    width = 9 if spoken() == "en" else 11
    return f"{names[name].strip():<{width}}"


def _headings() -> tuple[str, str, str, str, str, str, str]:
    return (
        _("CAMERA"),
        _("STATE"),
        _("SINCE"),
        _("FPS"),
        _("GATE"),
        _("MOTION"),
        _("SCORE"),
    )


def _since(utc: str, now: dt.datetime) -> str:
    return _span((now - dt.datetime.fromisoformat(utc)).total_seconds())


def _span(seconds: float) -> str:
    """`42 s`, `12 min`, `3 h`, `5 d`."""
    for size, text in (
        (86400, _("{number} d")),
        (3600, _("{number} h")),
        (60, _("{number} min")),
    ):
        if seconds >= 2 * size:
            return text.format(number=f"{seconds / size:.0f}")
    return _("{number} s").format(number=f"{max(0.0, seconds):.0f}")


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
