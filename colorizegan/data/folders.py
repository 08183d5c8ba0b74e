"""Folders that hold no photos of the user's own making: of file systems, and libraries of other programs."""

# Folders that file systems and network drives fill by themselves: thumbnails, bins, snapshots.
SYSTEM_FOLDERS = {
    "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "__macosx",
    "@sharebin", "@transcode", "backups.backupdb", "lost+found", "network trash folder", "recycled", "recycler",
    "system volume information", "temporary items", "~snapshot",
}  # fmt: skip
# Libraries of Photos, iPhoto and Aperture, Lightroom and Capture One: photos under other names, and many small copies.
LIBRARIES = (
    ".photoslibrary", ".photolibrary", ".aplibrary", ".migratedphotolibrary", ".migratedaplibrary", ".lrdata",
    ".lrcat-data", ".lrlibrary", ".cocatalog",
)  # fmt: skip


def is_system(folder: str) -> bool:
    """Whether a folder of this name is hidden, or made by a system for itself."""
    return folder.startswith(".") or folder.lower() in SYSTEM_FOLDERS


def is_library(folder: str) -> bool:
    """Whether a folder of this name is the library of another program."""
    return folder.lower().endswith(LIBRARIES)
