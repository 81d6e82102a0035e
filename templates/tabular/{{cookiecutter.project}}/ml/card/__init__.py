"""The model card: what a model is for, what it was made of, how it was judged, and where it ends.

Its chapters are those of Mitchell et al. 2019, "Model Cards for Model Reporting". Nothing is computed here: every
figure is one that a stage of the run left behind.
"""
