"""The command line: options, what is said, exit statuses. The work is done elsewhere.

main      the program, and the small command doctor
colorize, video, serve, models, training, evaluate  a command group each (training: train, finetune, export, data)
films     of `video`: which film becomes which file, and what a dry run says of it
help      how the help looks, and how wrong arguments are told
options   options that several commands share
console   what the commands say: lines and JSON lines
doctor    versions, limits, devices, and a test picture colorized
"""
