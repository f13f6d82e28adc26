"""The layouts that recorders and cameras upload in, by brand.

All of them are as found in the published code and bug reports of people who sort such files;
where brands differ by firmware, each form has its own template. None starts with a fixed
folder, since every installation has its own: `**` takes whatever the FTP server puts above.
"""

from __future__ import annotations

from edge_agent.errors import ConfigProblem
from edge_agent.recorders.find.template import (
    BadTemplate,
    TemplateSet,
    compile_set,
    compile_template,
)

_DAHUA = (
    # FTP/cam-00/AMC0028V_795UUB/2021-03-06/001/dav/10/10.27.32-10.28.00[M][0@0][0].dav, from an
    # Amcrest (a Dahua by another name); newer firmware writes .mp4 beside or instead of .dav.
    # A recorder: /mnt/dvr/2026-05-02/0/dav/01/1/0/627506/01.30.00-02.00.00[R][0@0][0].dav
    "{where}{date:%Y-%m-%d}/{channel}/dav/**/{start:%H.%M.%S}-{end:%H.%M.%S}*.{video}",
    # Without the `dav` folder: cvc10_cam_1/2026-07-23/19.00.00-20.00.00[R][0@0][0].dav
    "{where}{date:%Y-%m-%d}/**/{start:%H.%M.%S}-{end:%H.%M.%S}*.{video}",
    # Stills: 2019-05-09/001/jpg/06/07/27[M][0@0][0].jpg, 2023-09-04/001/jpg/13/28.47[M][0@0][0].jpg
    "{where}{date:%Y-%m-%d}/{channel}/jpg/{start:%H/%M/%S}[*.{still}",
    "{where}{date:%Y-%m-%d}/{channel}/jpg/{start:%H/%M.%S}[*.{still}",
    "{where}{date:%Y-%m-%d}/{channel}/jpg/**/{start:%H.%M.%S}*.{still}",
    # Lorex (Dahua): 2024-01-15/pic_001/08.00.05[R][0@0][0].jpg
    "{where}{date:%Y-%m-%d}/pic_{channel}/{start:%H.%M.%S}[*.{still}",
    "{where}{date:%Y-%m-%d}/pic_{channel}/{start:%H/%M.%S}[*.{still}",
    # 001_20260802143005_[M][0@0][0].jpg
    "{where}{channel}_{start:%Y%m%d%H%M%S}_[*.{still}",
)

_HIKVISION = (
    # 192.168.1.64_01_20200730111229020_MOTION_DETECTION.jpg: address, channel, local time with
    # milliseconds, event. Recordings have a number or nothing there. The camera's name may stand
    # instead of its address.
    "**/{camera}_{start:%Y%m%d%H%M%S%f}_*.{still}",
    "**/{camera}_{start:%Y%m%d%H%M%S%f}.{still}",
    "**/{camera}_{start:%Y%m%d%H%M%S%f}_{end:%Y%m%d%H%M%S%f}.{video}",
    "**/{camera}_{start:%Y%m%d%H%M%S%f}_*.{video}",
    "**/{camera}_{start:%Y%m%d%H%M%S%f}.{video}",
)

_REOLINK = (
    # 2026/06/30/Front Door_00_Hub_20260630141500.mp4 and .jpg, or one folder a day, or none:
    # camera, channel, local time of the start. Some firmware leaves the `_` before the time out.
    "**/{camera}_{start:%Y%m%d%H%M%S}.{video}",
    "**/{camera}_{start:%Y%m%d%H%M%S}.{still}",
    # Mp4Record/2020-12-21/RecM01_20201221_121551_121553_6D28808_2240A8.mp4 (memory cards, hubs;
    # M: main stream, S: substream, then the channel). The DST form means summer time.
    "**/{camera}_{start:%Y%m%d%H%M%S}_{end:%Y%m%d%H%M%S}*.{video}",
    "**/{camera}_{start:%Y%m%d_%H%M%S}_{end:%H%M%S}_*.{video}",
    "**/{camera}_DST{start:%Y%m%d_%H%M%S}_{end:%H%M%S}_*.{video}",
    "**/{camera}_{start:%Y%m%d_%H%M%S}*.{video}",
)

_GENERIC = (
    # What most other cameras, Motion, Frigate, Blue Iris and ffmpeg's segment muxer are set to.
    "**/{date:%Y-%m-%d}/**/{start:%H.%M.%S}-{end:%H.%M.%S}*.{video}",
    "**/{date:%Y-%m-%d}/**/{start:%H-%M-%S}*.{video}",
    "**/{date:%Y-%m-%d}/**/{start:%H.%M.%S}*.{video}",
    "**/{date:%Y-%m-%d}/**/{start:%H%M%S}*.{video}",
    "**/{date:%Y/%m/%d}/**/{start:%H.%M.%S}*.{video}",
    "**/{date:%Y/%m/%d}/**/{start:%H-%M-%S}*.{video}",
    "**/*{start:%Y%m%d%H%M%S}*.{video}",
    "**/*{start:%Y%m%d%H%M%S%f}*.{video}",
    "**/*{start:%Y%m%d_%H%M%S}*.{video}",
    "**/*{start:%Y%m%d-%H%M%S}*.{video}",
    "**/*{start:%Y%m%dT%H%M%S}*.{video}",
    "**/*{start:%Y-%m-%d_%H-%M-%S}*.{video}",
    "**/*{start:%Y-%m-%d %H-%M-%S}*.{video}",
    "**/*{start:%Y-%m-%d_%H.%M.%S}*.{video}",
    "**/*{start:%Y-%m-%dT%H-%M-%S}*.{video}",
    "**/*{start:%Y-%m-%dT%H:%M:%S}*.{video}",
    "**/*{start:%Y_%m_%d_%H_%M_%S}*.{video}",
    # The name says nothing: the time is the container's, or when the upload ended.
    "**/*.{video}",
)

_STILLS = tuple(text.replace("{video}", "{still}") for text in _GENERIC)


def _each_camera(texts: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return tuple(text.replace("{where}", prefix) for text in texts)


#: The folder above the day is the device's serial number or name; where the device has the
#: root to itself, the channel alone names the camera.
_DAHUA_FAMILY = _each_camera(_DAHUA, "**/{camera}/") + _each_camera(_DAHUA, "")
_GENERIC_FAMILY = tuple("{camera}/" + text for text in _GENERIC)
_STILL_FAMILY = tuple("{camera}/" + text for text in _STILLS)

_TEXTS = {
    "dahua": _DAHUA_FAMILY,
    "kbvision": _DAHUA_FAMILY,  # made by Dahua
    "imou": _DAHUA_FAMILY,  # Dahua's household brand
    "hikvision": _HIKVISION,
    "reolink": _REOLINK,
    "generic": _GENERIC_FAMILY + _STILL_FAMILY,  # a folder for each camera
    "generic-one": _GENERIC + _STILLS,  # the whole folder is one camera's
    "stills": _STILL_FAMILY,
    "stills-one": _STILLS,
}

BUILT_IN = tuple(_TEXTS)

_HELP = "see what fits: edge-agent probe FOLDER"

_compiled: dict[str, TemplateSet] = {}


def template_set(text: str) -> TemplateSet:
    """A built-in by its name, or the template itself. Raises BadTemplate."""
    if text in _TEXTS:
        if text not in _compiled:
            templates = tuple(compile_template(each) for each in _TEXTS[text])
            _compiled[text] = TemplateSet(text, templates)
        return _compiled[text]
    if text and not {"/", "{", "*", ".", "%"} & set(text):
        raise BadTemplate(
            f"{text!r} is neither a template nor one of the built-in ones: {', '.join(BUILT_IN)}"
        )
    return compile_set(text)


def template_problem(camera: str, text: str) -> ConfigProblem | None:
    """What is wrong with a camera's `source.template`; None: nothing."""
    try:
        template_set(text)
    except BadTemplate as error:
        return ConfigProblem(f"camera {camera}", "source.template", str(error), _HELP)
    return None
