"""A real browser for tests of pages: Chromium, driven by Playwright.

Tests that use it are slow, and are skipped where either is missing (`marl-zoo[browser]`, and Debian's package
`chromium`).
"""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
MARKS = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")]
