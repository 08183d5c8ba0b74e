"""A photo file in, a photo file out, with all it carries.

photo           Photo, and the limits on what becomes one
read, write     a file or bytes -> Photo -> a file or bytes
formats         formats by the endings of names and by the first bytes
decode, encode  the one decoder that may read a file; one encoder a format
jpeg_parts      a large JPEG, encoded in parts on several cores
pnm             PBM, PGM and PPM, which are read here
luminance       decoded pixels -> brightness
size            what a picture takes, checked before anything is allocated for it
complaints      what libvips says of damage that it passes over
reader          photos read in processes of their own: a decoder that crashes costs one photo
reader_process  such a process
metadata/       EXIF, XMP, IPTC, comments: what a photo carries beside its pixels
heif/           HEIF files: their boxes, the parts of their pictures, damage in HEIC
tiff/           TIFF files: their pages, their tags, CIELAB
scan/           what a scan shows: its tone, where the photo lies in it, whether it is a page of text
"""
