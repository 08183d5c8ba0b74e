"""Scores on photos that are held out, and what they decide.

validate      scores, sample pictures and curves while a run goes on
stopping      when an adversarial stage has done enough
tuning_score  what "better" means while a bundle is tuned
"""
