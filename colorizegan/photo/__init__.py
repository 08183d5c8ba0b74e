"""A photo file in, a photo file out, with all it carries.

photo           Photo, and the limits on what becomes one
read, write     a file or bytes -> Photo -> a file or bytes
formats         formats by the endings of names and by the first bytes
decode, encode  the one decoder that may read a file; one encoder a format
luminance       decoded pixels -> brightness
tone            neutral, toned, partly tinted, or in colour
metadata        what a photo carries beside its pixels
xmp, exif, tiff, containers  where files keep it: XMP and sidecars, EXIF, the pages of TIFF; JPEG, PNG and WebP
reader          photos read in processes of their own: a decoder that crashes costs one photo
reader_process  such a process
"""
