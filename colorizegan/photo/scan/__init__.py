"""What a scan shows.

scan       all that is looked for, looked for once: `look_at` first
tone       neutral, toned, partly tinted, or in colour
window     where in a scan the photo lies: inside a border, a mount, a bed, beside a colour target
side       one side of that border
texture    planks and grainy card, told by how rough they are
torn       edges that are torn or askew, filled for the network
levels     what is black and white in a faded photo
negative   a colour negative under its orange mask
text_page  a page of text
blank      nothing: black, white or gray all over
"""
