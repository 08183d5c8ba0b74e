"""The networks that are trained.

units          what all share: physical units, the output, the annealed mean
unet           the default generator, with two heads
answer         what is shown of its two heads
attention      self-attention, so that one thing gets one colour
discriminator  the PatchGAN, also of the whole picture and of two sizes
pix2pix        the published U-Net 256
zhang16        the published classification network
zhang17        the published network that takes hints, for weights of its project
squeezenet     a feature network, as a start for the encoder and for losses
efficientnet   a second encoder that tells things apart
bins           the colour bins of the distribution head
"""
