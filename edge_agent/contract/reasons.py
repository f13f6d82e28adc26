"""Reasons in `st/cam/*` that cameras and recorders' folders share."""

CRASHED = "crashed: an error in the agent; it tries again, see its journal"
#: The last words of an orderly stop.
STOPPED = "stopped: the agent was stopped"

#: What the ward reads of a picture that shows too little.
FAULT_WORDS = {
    "black": "black: the picture shows nothing",
    "dark": "dark: no light; is the lamp or the infrared light out?",
    "overexposed": "overexposed: the picture is burnt out",
    "frozen": "frozen: the same picture again and again",
    "glitching": "glitching: the picture is damaged on its way",
    "blocked": "blocked: something covers the view",
    "moved": "moved: the camera looks elsewhere than before",
    "blurred": "blurred: out of focus, or dirty",
    "low_frame_rate": "low frame rate: far fewer pictures come than usual",
    "lost": "lost: no picture comes",
}
