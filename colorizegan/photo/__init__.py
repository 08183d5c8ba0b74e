"""A photo file in, a photo file out, with all it carries.

photo           Photo, and the limits on what becomes one
read, write     a file or bytes -> Photo -> a file or bytes
formats         formats by the endings of names and by the first bytes
decode, encode  the one decoder that may read a file; one encoder a format
luminance       decoded pixels -> brightness
tone            neutral, toned, partly tinted, or in colour
window          where in a scan the photo lies: inside a border, a mount, a bed, beside a colour target
tones           what is black and white in a faded photo
text_page       a page of text
metadata        what a photo carries beside its pixels
xmp, xmp_edits  XMP packets and sidecars; what of them the result makes untrue
exif, tiff, tiff_writer, containers, comments  where files keep it: EXIF, the pages of TIFF, JPEG, PNG, WebP, GIF
size            what a picture takes, checked before anything is allocated for it
complaints      what libvips says of damage that it passes over
lab_tiff        TIFF in CIELAB
reader          photos read in processes of their own: a decoder that crashes costs one photo
reader_process  such a process
"""
