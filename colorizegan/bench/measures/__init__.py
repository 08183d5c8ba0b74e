"""What is measured of a picture, or of a set of them, against the truth.

pixels       one picture against the truth: PSNR, SSIM, AuC, faults
habits       casts, warm and neutral pixels
regions      is the sky blue, grass green, water aqua, skin in the human range
calibration  is the confidence worth anything: calibration error, risk against coverage
features     distances between sets of pictures on a named feature network
squeezenet   the one that training may use too
"""
