"""Whose camera is it? By what it says of itself, then by its hardware address.

Hardware addresses are the first three bytes as the IEEE gave them out (oui.txt); some of each.
"""

from __future__ import annotations

from collections.abc import Mapping

_BY_WORD = {
    "hikvision": "hikvision",
    "hilook": "hikvision",
    "ds-2": "hikvision",
    "dahua": "dahua",
    "kbvision": "dahua",
    "kx-": "dahua",
    "imou": "dahua",
    "amcrest": "dahua",
    "ipc-h": "dahua",
    "tapo": "tapo",
    "tp-link": "tapo",
    "vigi": "tapo",
    "reolink": "reolink",
    "uniview": "uniview",
    "unv": "uniview",
    "ezviz": "ezviz",
    "yoosee": "yoosee",
    "gwipc": "yoosee",
    "v380": "yoosee",
    "h264dvr": "xmeye",
    "xmeye": "xmeye",
    "xiongmai": "xmeye",
}
_BY_HARDWARE = {
    "44:19:b6": "hikvision",
    "c0:56:e3": "hikvision",
    "28:57:be": "hikvision",
    "bc:ad:28": "hikvision",
    "4c:bd:8f": "hikvision",
    "a4:14:37": "hikvision",
    "3c:ef:8c": "dahua",
    "4c:11:bf": "dahua",
    "90:02:a9": "dahua",
    "38:af:29": "dahua",
    "e0:50:8b": "dahua",
    "14:a7:8b": "dahua",
    "50:c7:bf": "tapo",
    "b0:a7:b9": "tapo",
    "60:32:b1": "tapo",
    "ec:71:db": "reolink",
    "48:ea:63": "uniview",
    "6c:f1:7e": "uniview",
    "c4:79:05": "uniview",
    "ac:64:62": "ezviz",
    "00:12:31": "xmeye",
}
_BY_PORT = {37777: "dahua", 34567: "xmeye", 8000: "hikvision"}


def brand_of(
    words: Mapping[str, str], hardware: str = "", ports: tuple[int, ...] = ()
) -> tuple[str, str]:
    """(key of a brand, what tells it); `generic` where nothing does."""
    for source, text in words.items():
        for word, brand in _BY_WORD.items():
            if word in text.lower():
                return brand, f"{source} says {text[:40]!r}"
    if hardware[:8] in _BY_HARDWARE:
        return _BY_HARDWARE[hardware[:8]], f"its hardware address {hardware[:8]}"
    for port in ports:
        if port in _BY_PORT:
            return _BY_PORT[port], f"port {port} is open"
    return "generic", "nothing says whose it is"
