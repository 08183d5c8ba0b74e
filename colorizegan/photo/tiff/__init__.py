"""TIFF files.

directory  directories of tags, which EXIF blocks share
pages      which pages a file has, how each stores its photo, what it tells of it
writer     files written page by page
lab        pages in CIELAB and ICCLAB
unread     kinds that are valid and not read, by name
"""
