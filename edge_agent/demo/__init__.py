"""What `edge-agent demo` is made of: a rendered scene, an RTSP server, a broker on loopback.

Import the modules themselves: nothing here may cost the daemon memory.
"""
