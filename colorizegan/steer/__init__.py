"""What a person asks of the colours, and how it is done.

look        Look: all the wishes in one object
eye         what the network sees of a scan, and its colours back in the whole
colors      lightness and wishes -> small colours
hints       points whose colour is known: text, JSON beside the photo, network input
spread      a hint's colour over the thing that it is on
proposals   several plausible colourings
palette     the colours of another photo, where the same is seen
film        how a film saw the world
confidence  how sure the network is, as a picture
"""
