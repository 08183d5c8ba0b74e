"""TIFF files.

directory  directories of tags, which EXIF blocks share
pages      which pages a file has, how each stores its photo, what it tells of it
writer     files written page by page
lab        pages in CIELAB and ICCLAB
checksums  damage in Deflate data that only their checksums tell
unread     kinds that are valid and not read, by name
"""
