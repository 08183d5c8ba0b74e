"""What a photo carries beside its pixels, and what of it the result must change.

metadata    Metadata: read from a decoded file
exif        EXIF blocks: upright, without a thumbnail
xmp         XMP packets, sidecars, and the note that says how the colours were made
seal        the SHA-256 of a result, in its own XMP: whether it is as it was written
xmp_edits   what of an XMP packet the result makes untrue
comments    texts of PNG, comments of JPEG and GIF
containers  where JPEG, PNG and WebP keep it all
"""
