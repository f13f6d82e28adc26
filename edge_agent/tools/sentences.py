"""Sentences of modules that speak English only, as errors do, for a person who reads Vietnamese.

The modules stay free of languages: their texts go into logs, too. Here stands what they say, with
`{fields}` for what varies; more special sentences come first.
"""

from __future__ import annotations

from edge_agent.errors import AgentError, ConfigError, ConfigProblem
from edge_agent.foreign_text import printable
from edge_agent.language import _, told, translatable
from edge_agent.tools.slip_sentences import LOOSE, SLIPS

_CAMERA = translatable(
    "{where}; next try in {pause}",
    "{where}; try {number} of {tries}; check username and password_file",
    "{where}; no further try for {pause}, so that the account is not locked; correct the password "
    "and it is tried at once",
    "{number} min",
    "{number} s",
    "{number} min (until {time})",
    "{number} h (until {time})",
    "{number} h",
    "{where} sends no picture: {why}",
    "{where}: user '{user}' was refused by {host}; next try in {pause}, so that the account is "
    "not locked; correct the password and it is tried at once",
    "{where} refused the connection; is the port right, is RTSP switched on?",
    "{where} cannot be reached; is it switched on and in this network?",
    "{where} cannot be reached; has this box a network?",
    "{where} closed the connection",
    "{where} is gone; is it plugged in?",
    "{where} is used by another program",
    "{where} may not be opened by this user; add it to the group `video`",
    "{where} cannot be opened ({why})",
    "{where} answers, but not with a stream that can be read",
    "{where} gave no answer within {s} s",
    "{where} gave no answer",
    "{where} asks for a login (401); set username and password_file",
    "{where} refused user '{user}' (401)",
    "{where} does not let '{user}' see this stream (403); give that user view rights on the camera",
    "{where} answers, but has no such stream (404); check the path of the URL",
    "{where} answers, but will not stream ({why}); too many viewers, or a transport that it does "
    "not know",
    "{where} sent nothing for {s} s",
    "{where} broke off ({why})",
    "{where}: watched for {s} s, but no keyframe came",
    "{where}: watched for {s} s, but no picture could be decoded",
)
_BROKER = translatable(
    "broker {where} speaks neither MQTT 5 nor 3.1.1: is it an MQTT broker?",
    "broker {where} refused the user name or the password: check mqtt.username and "
    "mqtt.password_file",
    "broker {where} does not allow this client to connect (not authorized): check mqtt.username, "
    "mqtt.password_file and the broker's rules",
    "broker {where} does not accept the client id '{id}'",
    "broker {where}: the connection broke",
    "broker {where} closed the connection at once",
    "broker {where} closed the connection: {why}",
    "broker {where}: no name server (DNS) knows this name: check mqtt.host in agent.toml, and the "
    "DNS of this box",
    "broker {where}: no name server (DNS) answered: check the network and the DNS of this "
    "box, and mqtt.host in agent.toml",
    "broker {where}: {why}: nothing listens there, check mqtt.port",
    "broker {where}: no answer in time",
    "broker {where}: TLS failed: {why}",
    "broker {where} broke off the TLS handshake: is this its plaintext port, or does the way to it "
    "filter TLS?",
    "broker {where} broke off after the TLS handshake: does it ask for a client certificate, or "
    "not accept ours (mqtt.tls.cert_file)?",
    "broker {where}: the broker's certificate was not signed by the CA in mqtt.tls.ca_file",
    "broker {where}: the broker's certificate has expired; renew it, or set this box's clock",
    "broker {where}: the broker's certificate is not valid yet; set this box's clock",
    "broker {where}: the broker's certificate is self-signed; give its CA as mqtt.tls.ca_file",
    "broker {where}: the broker's certificate comes from an unknown CA; give that CA as "
    "mqtt.tls.ca_file",
    "broker {where}: the broker's certificate is for another name than {host}; correct mqtt.host",
    "broker {where}: the broker's certificate is for another address than {host}; use the name in "
    "mqtt.host",
    "broker {where} asks for a client certificate (mqtt.tls.cert_file)",
    "broker {where}: {why}",
)
_PROBLEM = translatable(
    "cannot be read: {why}",
    "is missing",
    "does not exist",
    "is there already",
    "is empty",
    "is not text",
    "is not a file",
    "has several lines",
    "has no value",
    "is there twice",
    "no camera is enabled",
    "no camera is configured",
    "no camera",
    "is text with a quote missing",
    "others may read it (mode {mode})",
    "unknown key",
    "is missing beside {key}",
    "has {number} points",
    "is {text}, without quotes",
    'is "{text}", the sample\'s, which leads nowhere',
    'is "{text}", the sample\'s',
    "{path} does not exist, and {user} cannot make it",
    "write the ward's id, as its server knows it",
    "write the name of the ward's broker",
    "put the file elsewhere than below {path}",
    'is "{text}"',
    "is {number}",
    "brand '{brand}'",
    "no brand '{brand}'",
    "neither address nor url",
    "one of {known}",
    "take another name, or edit it",
    "give brand and address",
    "create it with the secret, mode 0600",
    "create it, or correct the path",
    "write the secret into it",
    "keep only the secret in it, on one line",
    "name a file that holds only the secret",
    "name a file that holds only the password",
    "{file}: needs one line",
    "{file}: is no text",
    "name the answers' file",
    "see `edge-agent setup --example`",
    "write it as 192.168.1.0/24",
    "copy a sample to a name that ends in .toml",
    "name a file by its absolute path, or credential:NAME; not the secret itself",
    "give --config the folder that holds agent.toml; begin from the shipped sample",
    "it must be a file that the agent's user may read",
    "text needs quotes: {text}",
    "text needs quotes",
    "keep one of the two",
    "remove allow_insecure, or the tls keys",
    "name the substream in url, or remove main_url",
    "list the corners in order around the area",
    "write this box's own id",
    "known here: {keys}",
    "add the login name",
    "add it: {text}",
    "write it in quotes: {text}",
    "write true or false, without quotes",
    "write a whole number, {range}, without quotes",
    "write only the name, without mqtt:// or mqtts://",
    "needs at least {number}",
    "use rtsp://host[:port]/path",
    "use 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit: {text}",
    "use 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit",
    'did you mean "{word}"?',
    'use an IANA name, as "Asia/Ho_Chi_Minh"',
)
_SEARCH = translatable(
    "its hardware address {address}",
    "port {port} is open",
    "nothing says whose it is",
    "its name says {text}",
    "its hardware says {text}",
    "its maker says {text}",
    "its model says {text}",
    "over ONVIF: {why}",
    "{where}: says no time",
    "{where}: its time cannot be read: {why}",
    "{where}: refuses the login of {user}",
    "{where}: no answer over ONVIF: {why}",
)
_STREAM = translatable(
    "{size} is more than finding people needs: use the camera's substream (640x360, 10-15 fps); "
    "decoding costs in proportion to the pixels",
    "H.265 costs about 1.7 times as much to decode as H.264: choose H.264",
    "MJPEG needs several times the network of H.264: choose H.264",
    "B-frames delay every picture: switch them off (profile Baseline or Main)",
    "{fps} fps are more than needed: 10 to 15 are enough",
    "{mbit} Mbit/s is much for analysis: 0.5 to 1 is enough",
    'UDP loses packets on Wi-Fi: use transport = "tcp" if the camera can',
    "only one keyframe in {s} s: set the I-frame interval to 1 s and switch the smart codec "
    "(H.264+, H.265+) off",
    "a keyframe only every {s} s: set the I-frame interval to 1 s and switch the smart codec "
    "(H.264+, H.265+) off; after a broken connection the picture comes back that much later",
    "a keyframe every {s} s: an I-frame interval of 1 s would be better",
    "a keyframe every {s} s; 1 s is good",
    "keyframes at uneven distances: a smart codec is on",
    "{size}: the main stream; the small one costs a tenth",
    "H.265 costs twice as much to decode as H.264",
    "its clock is {s} s off",
    "nothing to improve",
)
#: What stands left in a probe's report, and what may stand right of it.
_ROWS = translatable(
    "source",
    "codec",
    "size",
    "fps",
    "GOP",
    "decoding",
    "bitrate",
    "transport",
    "reordering",
    "connected",
    "first keyframe",
    "pictures",
    "attention",
    "advice",
)
_VALUES = translatable(
    "{size}, stored as {other} and rotated",
    "{measured} measured, {announced} announced",
    "{count} packets, a keyframe every {s} s",
    "one keyframe seen",
    "after {s} s",
    "{count} decoded, {errors} errors, {damaged} damaged on their way, {lost} packets lost",
    "{count} decoded, {errors} errors, {damaged} damaged on their way",
    "{count} decoded, {errors} errors, {lost} packets lost",
    "{count} decoded, {errors} errors",
    "none",
    "not known",
    "keyframes",
    "full",
    "measuring",
    "the stream is being measured",
    "every packet is a keyframe; one a second is looked at",
    "a keyframe every {s} s; visits shorter than that may be missed",
    "a keyframe every {s} s",
    "a keyframe only every {s} s",
    "the time between keyframes varies up to {s} s",
    "{policy}, {reason}",
)
_NAME_WIDTH = 15
#: Of the values, the one that fits whatever has a comma.
_POLICY = "{policy}, {reason}"
#: What the running agent says of itself and its cameras.
_RUNNING = translatable(
    "low frame rate: far fewer pictures come than usual",
    "lost: no picture comes",
    "no picture came",
    "pictures came and none was decoded: no keyframe, no change of packet sizes",
    "the analysis had no time for any picture",
    "nothing moved",
    "{looked}, best {score}, at a time when no zone is watched (schedule)",
    "{looked}, nothing looked like a person",
    "{looked}, best {score} of {limit}, but in too few looks, or not where, as long or "
    "as large as asked",
    "{looked}, best {score} of {limit} ({key})",
    "looked {number} times",
    "looked once",
    "gate: only {number} keyframes decoded",
    "{number} pictures dropped: the box was too busy",
    "the light changed: then motion says nothing",
    "something moved in {number} pictures where looks found nobody before",
    "at most {number} of the picture changed: less than motion.min_area_frac",
    "{where}: given up for a minute, because its pictures take more memory than this box has; use "
    "the camera's sub-stream",
    "black: the picture shows nothing",
    "dark: no light; is the lamp or the infrared light out?",
    "overexposed: the picture is burnt out",
    "frozen: the same picture again and again",
    "glitching: the picture is damaged on its way",
    "blocked: something covers the view",
    "moved: the camera looks elsewhere than before",
    "blurred: out of focus, or dirty",
    "crashed: an error in the agent; it tries again, see its journal",
    "nothing happens; {reason}",
    "{share} of the pictures are damaged on their way, and nothing is looked for in them; is the "
    "Wi-Fi too weak, the cable or the recorder's disk bad?",
    "a clock is burnt into the picture, and motion in it is left out; an ignore zone keeps it so "
    "from the first second: {zones}",
    "{number} of the camera's time stamps jumped and were replaced",
    "the camera's time stamps {what}: times of arrival stand in for them",
    "confirm_threshold is {number}: candidate_threshold moved it up",
    "candidate_threshold is {number}: confirm_threshold moved it down",
    "an I-frame interval of 1 s would be better",
    'every packet is decoded, because gate = "off"',
    "a keyframe alone gave no picture: damaged on its way, or the camera refreshes little by "
    "little (intra refresh)",
    "set the camera's I-frame interval to 1 s and switch intra refresh off",
    "no agent answers at {where}: does it run? systemctl status edge-agent; journalctl -u "
    "edge-agent -n 20",
    "{path} is the agent's and root's: sudo edge-agent status",
    "{path} did not answer to the end; ask again",
    "the agent watches no camera {camera}; it has: {names}",
)
#: One word each, of the agent's states.
_STATES = translatable(
    "online",
    "degraded",
    "connecting",
    "stalled",
    "unreachable",
    "refused",
    "unusable",
    "ended",
    "waiting",
    "stopped",
    "synced",
    "holdover",
    "estimated",
    "unset",
    "applied",
    "rejected",
    "always",
    "idle",
    "verify",
    "active",
    "folder",
    "person",
    "motion",
    "health",
    "command",
    "schedule",
    "dark",
    "schedule and dark",
)


def of_error(error: AgentError) -> str:
    """What failed. A configuration's problems stand on a line each."""
    if isinstance(error, ConfigError):
        return "\n".join(of_problem(problem) for problem in error.problems)
    return told(str(error), (*_BROKER, *_CAMERA, *_RUNNING))


def of_state(word: str) -> str:
    """One word of the agent's: how a camera, the broker, the clock or the configuration stands."""
    return _(word) if word in (*_STATES, *_ROWS) else word


def of_running(text: str) -> str:
    """A reason or remark of the running agent; of the configuration: place, found, fix."""
    sentences = (*_RUNNING, *_BROKER, *_CAMERA, *_STREAM, *_VALUES)
    said = told(text, tuple(each for each in sentences if each != _POLICY))
    if said != text:
        return said
    where, separator, rest = text.partition(": ")
    found, semicolon, fix = rest.partition("; ")
    if separator and _of_slip(found) != found:
        return f"{where}: {_of_slip(found)}{semicolon}{_of_slip(fix)}"
    first, semicolon, second = text.partition("; ")
    if semicolon and told(first, sentences) != first:
        return f"{told(first, sentences)}; {of_running(second)}"
    return told(text, sentences)


def of_problem(problem: ConfigProblem) -> str:
    """As `str(problem)`: place, what was found, what to do."""
    where = f"{problem.file}: {problem.path}" if problem.path else problem.file
    found, fix = _of_slip(problem.found), _of_slip(problem.fix)
    return printable(f"{where}: {found}; {fix}" if fix else f"{where}: {found}")


def _of_slip(text: str) -> str:
    """What was found, or what to do."""
    return told(text, (*_PROBLEM, *SLIPS, *LOOSE))


def of_search(text: str) -> str:
    """Why a camera is thought to be of a brand, or what went wrong when it was asked."""
    return told(text, (*_SEARCH, *_CAMERA))


def of_stream(text: str) -> str:
    """What is said of a camera's stream."""
    return told(text, _STREAM)


def of_report(report: str) -> str:
    """A probe's report, line by line."""
    lines = []
    for line in report.splitlines():
        name, value = line[:_NAME_WIDTH].rstrip(), line[_NAME_WIDTH + 1 :]
        said = told(value, (*_STREAM, *_VALUES))
        lines.append(f"{_(name):<{_NAME_WIDTH}} {said}" if name in _ROWS else line)
    return "\n".join(lines)
