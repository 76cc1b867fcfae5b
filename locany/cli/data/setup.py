"""Install what the render engines draw with."""

from __future__ import annotations

import shutil
import subprocess

from cyclopts import App

from locany.cli.report import write_line
from locany.errors import MissingAssetsError

_EPILOGUE = """\
The render engines gui and documents need all of it, scene_text the fonts; icons draws with what is in the \
package, and with more where icon sets are. Some 900 MB. Run again, it leaves alone what is there.

Toolkits and icons go to $LOCANY_RENDER_ASSETS, by default into the user's cache folder."""


def register(data: App) -> None:
    """Add the command."""
    data.command(setup, help_epilogue=_EPILOGUE)


def setup() -> int:
    """Install a browser and fonts (Debian packages, needs root or sudo), toolkits and icon sets (npm)."""
    from locany.synth.browser import find_browser
    from locany.synth.fonts import missing_families
    from locany.synth.render_assets import SETUP_FOLDER, assets_folder, assets_path

    if shutil.which("bash") is None or shutil.which("apt-get") is None:
        raise MissingAssetsError(
            "this command installs Debian packages and finds no apt-get; on another system install Chromium, "
            f"fontconfig, node with npm and the fonts listed in {SETUP_FOLDER / 'setup.sh'}, "
            "then run the part of that script behind them"
        )
    done = subprocess.run(["bash", str(SETUP_FOLDER / "setup.sh"), str(assets_path())], check=False)
    if done.returncode:
        raise MissingAssetsError(
            f"the setup ended with exit code {done.returncode}, see above; mend it and run the command again"
        )
    write_line(f"browser: {find_browser()}")
    write_line(f"toolkits and icons: {assets_folder()}")
    missing = missing_families()
    write_line(f"fonts: {'all there' if not missing else 'missing ' + ', '.join(missing)}")
    return 1 if missing else 0
