"""Photos -> batches of crops.

crops      batches of crops, and which photos are held out
augment    crops -> what the network sees and what it must answer; film looks
lab        sRGB <-> Lab on tensors
"""
