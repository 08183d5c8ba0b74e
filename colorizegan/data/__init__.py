"""Collections of photos to learn from or to test on; no torch.

folders     of systems and of other programs' libraries, which are not searched
name_list   names of files in a list, in the encodings of all systems
layouts     ImageNet, Places365, COCO, folders, lists, shards -> one list of photos
photoset    a folder or tar of test photos
decode      an encoded photo -> upright pixels
cache       photos decoded once, broken and gray ones left out
shards      photos into tar shards, from files or a Hugging Face dataset
survey      what is in a set of photos: sizes, kinds, gray and broken ones
duplicates  near-duplicates, and splits that keep them together
remote      shards by URL or pipe
examples    the small photos that come with the package
"""
