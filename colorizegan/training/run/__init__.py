"""A run under way.

run       what happens between two steps
state     where a run is: what a checkpoint says
runlog    its log, its signals, its lock
parallel  several processes that train one network
"""
