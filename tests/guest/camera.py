"""Orders to the guest's V4L2 camera, the kernel's `vivid`: show a colour, leave, come back."""

from __future__ import annotations

LABELS = ("red", "green", "blue")
FIRST_PATTERN = 7  # the driver's full red; green and blue follow
# Its descriptors are revoked, and it goes as soon as nobody holds one. The driver takes opened ones back into
# service when the last is closed: an agent that opened it again before it was gone is thrown out once more.
UNPLUG = """(
for try in $(seq 20); do
  v4l2-ctl -d {node} -c disconnect=1
  for look in $(seq 20); do rmmod vivid 2>/dev/null && exit 0; done
done
exit 1)"""


def show(node: int, label: str, *, text: bool = False) -> str:
    """Have /dev/video<node> show nothing but a colour, or text on it: what is flat looks covered."""
    pattern = FIRST_PATTERN + LABELS.index(label)
    return f"udevadm settle; v4l2-ctl -d {node} -c osd_text_mode={0 if text else 2},test_pattern={pattern}"


def unplug(node: int) -> str:
    """Take /dev/video<node> away from whoever reads it."""
    return UNPLUG.format(node=node)


def plug_in(node: int) -> str:
    """Bring it back as /dev/video<node>."""
    return f"modprobe vivid vid_cap_nr={node}"
