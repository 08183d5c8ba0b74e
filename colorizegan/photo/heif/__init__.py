"""HEIF files, which hold HEIC and AVIF (ISO/IEC 14496-12, 23008-12).

boxes   their boxes, and the frames of sequences
items   pictures and their parts: where their data lie, which are not there
damage  what the decoder of HEIC notices of damage, and libheif does not ask for
"""
