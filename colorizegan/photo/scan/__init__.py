"""What a scan shows.

tone       neutral, toned, partly tinted, or in colour
window     where in a scan the photo lies: inside a border, a mount, a bed, beside a colour target
levels     what is black and white in a faded photo
negative   a colour negative under its orange mask
text_page  a page of text
"""
