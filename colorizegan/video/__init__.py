"""Films: frames in and out, colours that stay steady, and what a stopped film goes on from. Needs the extra `video`.

colorize_video  a film -> the film in colour: the main flow
options         what is asked for a film; hints with a time, as text and as JSON
formats         names of films; imports nothing
frames          a film file -> its frames, with their times
pixels          how a film writes its pixels down: luma that stays, room for chroma
motion          from one frame to another: optical flow, and how far it is trusted
shots           which frames hang together; flashes, empty frames, titles
dissolves       shots that turn into the next one
consistency     small colours that stay where they belong through a shot
guesses         colours of single frames: the one place that calls the runtime
chroma          colours -> the chroma planes of a frame, in the film's own matrix and range
encode          frames -> an encoded part
parts           the folder of a film under way
joining         parts and copied streams -> the result
results         where painted frames go: a film, or numbered pictures
preview         one frame of each shot, and a sheet of them
process         a process that works on one film for a service
"""
