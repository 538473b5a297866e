"""An RTSP camera of one colour, or of an H.264 video: a script for Debian's own Python, and its context."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
PROBE = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
raise SystemExit(Gst.ElementFactory.find("x264enc") is None)
"""


def has_rtsp_server() -> bool:
    """Whether Debian's own Python has GStreamer's RTSP server, and an encoder."""
    return (
        Path(SYSTEM_PYTHON).exists()
        and not subprocess.run([SYSTEM_PYTHON, "-c", PROBE], capture_output=True, check=False).returncode
    )


@contextlib.contextmanager
def rtsp_camera(
    rgb: int, port: int = 0, size: str = "160x120", login: str = "", video: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address (without the login, `user:password`) and its process, while the context lasts."""
    from tests.support.tools import PATIENCE_S, free_port, need

    need(has_rtsp_server(), "GStreamer's RTSP server (gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-ugly)")
    port = port or free_port()
    command = [SYSTEM_PYTHON, __file__, f"{rgb:#08x}", str(port), size, login, str(video or "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            bound = int(process.stdout.readline())
            yield f"rtsp://127.0.0.1:{bound}/camera", process
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def main(rgb: int, port: int, size: str, login: str, video: str) -> None:
    """Serve until killed; prints the port."""
    import gi

    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    width, height = size.split("x")
    factory.set_launch(
        f"( filesrc location={video} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
        if video
        else f"( videotestsrc is-live=true pattern=solid-color foreground-color={0xFF000000 | rgb}"
        f" ! video/x-raw,width={width},height={height},framerate=20/1 ! videoconvert"
        " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96 )"
    )
    factory.set_shared(not video)
    if login:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login.split(":")), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("viewer", right, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(int(sys.argv[1], 16), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5])
