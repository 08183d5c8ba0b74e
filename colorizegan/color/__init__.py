"""The arithmetic of colour: numpy only, no input or output.

lab         sRGB <-> Lab
gamut       the edge of sRGB's gamut at fixed lightness
difference  CIEDE2000 and colourfulness
rarity      how far a colour is from the usual one
merge       edge-aware enlargement of ab, joined with the untouched full-size light
"""
