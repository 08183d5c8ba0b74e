"""Many files: what becomes of each is planned, done by several workers, and noted.

plan       files, folders and patterns -> which photo becomes which file
jobs       the jobs of a plan, kept small
run        the plan's jobs -> results, several photos at a time
dry_run    what a run would do with each job
job        one of them, the whole way: read, colorize, write, note
originals  what no result may replace
ledger     what became of every photo, a JSON line each
sheets     the sheet of proposals and the pictures of doubt as files
"""
