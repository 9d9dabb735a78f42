"""Copies the page's libraries from `node_modules` into `web/vendor`, where the browser finds them.

    npm ci && python services/gallery/vendor.py           write web/vendor
    python services/gallery/vendor.py --check             are the files what the manifest says?

Versions and the hashes of the packages are pinned by `package-lock.json`, the hashes of the files
served by `web/vendor/manifest.json`. A browser without an import map (which the page's policy has
no room for) cannot resolve `from "preact"`: such specifiers become relative paths.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDOR = Path(__file__).parent / "atelier_gallery" / "web" / "vendor"
MANIFEST = VENDOR / "manifest.json"

FILES = {
    "preact/index.js": "preact/dist/preact.mjs",
    "preact/index.d.ts": "preact/src/index.d.ts",
    "preact/dom.d.ts": "preact/src/dom.d.ts",
    "preact/jsx.d.ts": "preact/src/jsx.d.ts",
    "preact/hooks.js": "preact/hooks/dist/hooks.mjs",
    "preact/hooks.d.ts": "preact/hooks/src/index.d.ts",
    "preact/LICENSE": "preact/LICENSE",
    "htm/htm.js": "htm/dist/htm.mjs",
    "htm/htm.d.ts": "htm/dist/htm.d.ts",
    "htm/LICENSE": "htm/LICENSE",
    "signals/signals.js": "@preact/signals/dist/signals.mjs",
    "signals/signals.d.ts": "@preact/signals/dist/signals.d.ts",
    "signals/LICENSE": "@preact/signals/LICENSE",
    "signals/core.js": "@preact/signals-core/dist/signals-core.mjs",
    "signals/core.d.ts": "@preact/signals-core/dist/signals-core.d.ts",
    "signals/LICENSE-core": "@preact/signals-core/LICENSE",
}
PACKAGES = ("preact", "htm", "@preact/signals", "@preact/signals-core")
SPECIFIERS = {
    "preact": "../preact/index.js",
    "preact/hooks": "../preact/hooks.js",
    "@preact/signals-core": "./core.js",
    "../../src/index": "./index",
}
_IMPORT = re.compile(r"""\b(from|import)(\s*)(["'])([^"']+)\3""")
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S+\s*$")


def rewritten(text: str) -> str:
    """`text` with the specifiers a browser cannot resolve made relative, without its source map."""

    def relative(match: re.Match[str]) -> str:
        keyword, space, quote, name = match.groups()
        return f"{keyword}{space}{quote}{SPECIFIERS.get(name, name)}{quote}"

    return _SOURCE_MAP.sub("\n", _IMPORT.sub(relative, text))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write() -> None:
    """Writes every file and the manifest; what is no longer listed is removed."""
    modules = ROOT / "node_modules"
    for old in sorted(VENDOR.rglob("*"), reverse=True) if VENDOR.exists() else ():
        if old.is_file():
            old.unlink()
    hashes: dict[str, str] = {}
    for target, source in FILES.items():
        text = (modules / source).read_text("utf-8")
        data = (text if "LICENSE" in target else rewritten(text)).encode()
        path = VENDOR / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        hashes[target] = sha256(data)
    packages = {
        name: json.loads((modules / name / "package.json").read_text("utf-8"))["version"]
        for name in PACKAGES
    }
    manifest = {"packages": packages, "sha256": hashes}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def differences() -> list[str]:
    """The files that are not what the manifest says, missing and unlisted ones included."""
    expected = json.loads(MANIFEST.read_text("utf-8"))["sha256"]
    found = {
        path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes())
        for path in VENDOR.rglob("*")
        if path.is_file() and path != MANIFEST
    }
    return sorted(name for name in expected | found if expected.get(name) != found.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        write()
        return 0
    wrong = differences()
    for name in wrong:
        sys.stderr.write(f"web/vendor/{name} is not what manifest.json says\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
