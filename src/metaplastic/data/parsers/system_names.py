"""Names of files and folders that systems and tools add to the user's files."""

from __future__ import annotations

_SYSTEM_NAMES = frozenset(  # in lower case
    {
        "__macosx",  # macOS, in zip files
        "icon\r",
        "thumbs.db",  # Windows
        "ehthumbs.db",
        "desktop.ini",
        "$recycle.bin",
        "system volume information",
        "@eadir",  # network storage
        "#recycle",
        "@recycle",
        "#snapshot",
        "lost+found",  # Linux
        "__pycache__",
    }
)
_KNOWN_HIDDEN = frozenset(  # in lower case; all other names that begin with "." are noted
    {
        *(".ds_store", ".apdisk", ".appledouble", ".localized", ".fseventsd", ".trashes"),  # macOS
        *(".spotlight-v100", ".temporaryitems", ".documentrevisions-v100", ".volumeicon.icns"),
        *(".directory", ".cache", ".thumbnails", ".trash"),  # Linux
        *(".snapshot", ".snapshots", ".stfolder", ".stversions", ".dropbox", ".dropbox.cache"),
        *(".git", ".gitignore", ".gitattributes", ".gitkeep", ".gitmodules", ".github", ".keep"),
        *(".svn", ".hg", ".hgignore", ".dvc", ".dvcignore"),
        *(".ipynb_checkpoints", ".idea", ".vscode", ".venv", ".env", ".tox"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache"),
    }
)
_KNOWN_PREFIXES = ("._", ".trash-", ".nfs", ".fuse_hidden", ".~")  # AppleDouble, and others' own


def is_left_out(name: str) -> bool:
    """Return whether an entry is not read: it is hidden, or a system's own."""
    return (name.startswith(".") and name != ".") or name.lower() in _SYSTEM_NAMES


def is_users(name: str) -> bool:
    """Return whether an entry that is not read is likely the user's, such as a class ".cats"."""
    lower = name.lower()
    return (
        is_left_out(name)
        and lower not in _SYSTEM_NAMES | _KNOWN_HIDDEN
        and not lower.startswith(_KNOWN_PREFIXES)
    )
