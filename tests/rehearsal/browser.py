"""A headless Chromium: pictures of a page as pixels, what a script measures in it, and the page on paper."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing is fetched, whatever a page asks for
)
LIGHT, DARK = 1, 0
"""What Blink calls the reader's preferred colour scheme."""
SECONDS = 90
SAID = re.compile(r'<pre id="said">(.*?)</pre>', re.DOTALL)
PIXELS = """
const image = document.getElementById("image"), canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
const context = canvas.getContext("2d");
context.drawImage(image, 0, 0);
const bytes = context.getImageData(0, 0, canvas.width, canvas.height).data, parts = [];
for (let at = 0; at < bytes.length; at += 32768) parts.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
return [canvas.height, canvas.width, btoa(parts.join(""))];
"""


def browser(folder: Path) -> Browser:
    """Return the browser of this machine; skip without one, or fail where LOOPWRIGHT_REQUIRE has the word chromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "there is no chromium on the PATH"
        if "chromium" in os.environ.get("LOOPWRIGHT_REQUIRE", "").replace(",", " ").split():
            pytest.fail(missing)
        pytest.skip(missing)
    return Browser(found, folder)


@dataclass(frozen=True)
class Browser:
    """Chromium, with its files in a folder of the test."""

    program: str
    folder: Path

    def picture(self, page: Path, width: int, height: int, scheme: int = LIGHT) -> np.ndarray:
        """Return the first ``height`` rows of a page as an array of (height, width, 3) bytes."""
        target = self.folder / f"{page.stem}-{width}-{scheme}.png"
        self._run(page, f"--screenshot={target}", f"--window-size={width},{height}", _preferring(scheme))
        return self._pixels(target)

    def measured(self, page: Path, script: str, width: int, height: int = 900, scheme: int = LIGHT) -> Any:
        """Return what the body of a function returns in a page."""
        asked = f"""<script>addEventListener("load", () => {{
            const said = parent.document.createElement("pre");
            said.id = "said";
            said.textContent = JSON.stringify((() => {{{script}}})());
            parent.document.body.append(said);
        }})</script>"""
        framed = html.escape(page.read_text(encoding="utf-8") + asked)
        # In a frame, because no window is as narrow as a phone; a frame has the scheme of what it stands in.
        holder = self.folder / f"{page.stem}-framed.html"
        frame = f'<iframe width="{width}" height="{height}" style="border: 0" srcdoc="{framed}"></iframe>'
        holder.write_text(
            f"<!doctype html><style>:root {{ color-scheme: light dark }}</style>{frame}", encoding="utf-8"
        )
        said = self._run(holder, "--dump-dom", _preferring(scheme))
        return json.loads(html.unescape(SAID.search(said)[1]))

    def printed(self, page: Path) -> int:
        """Print a page and return the number of sheets."""
        target = self.folder / f"{page.stem}.pdf"
        self._run(page, f"--print-to-pdf={target}", "--no-pdf-header-footer")
        return len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))

    def _pixels(self, picture: Path) -> np.ndarray:
        text = base64.b64encode(picture.read_bytes()).decode()
        holder = self.folder / f"{picture.stem}.html"
        holder.write_text(f'<!doctype html><body><img id="image" src="data:image/png;base64,{text}">')
        height, width, found = self.measured(holder, PIXELS, 800)
        return np.frombuffer(base64.b64decode(found), np.uint8).reshape(height, width, 4)[..., :3]

    def _run(self, page: Path, *words: str) -> str:
        # As root, which containers of continuous integration are, its sandbox cannot be set up.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        profile = f"--user-data-dir={self.folder / 'profile'}"
        command = [self.program, *QUIET, *sandbox, profile, *words, page.absolute().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _preferring(scheme: int) -> str:
    return f"--blink-settings=preferredColorScheme={scheme}"
