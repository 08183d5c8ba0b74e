"""Evaluation: colorizers and baselines scored on photos whose colours are known. Needs the extra `bench`.

evaluate      evaluate(): score entrants and baselines
scoring       one photo: everybody's picture of it, measured
statistics    means, bootstrap intervals, paired differences
metrics       all figures a report may hold: direction, unit, source
measures/     how each of them is measured
stability     do colours stay at other sizes, as JPEG, with grain
protocols     named protocols: which photos, cut how, turned gray how
entrants      who takes part: bundles, folders of results, ONNX files, baselines
report        JSON and Markdown tables
page          the report as one HTML page (page.html is its template)
charts        small charts as SVG, by matplotlib
human         the human test: its page (human.html), the answers, the fooled rate with its interval
"""
