"""Measures agreement of predictions with human scores: of given weights, and of methods trained by a protocol.

images.py      selects the images of a database     score_cache.py  keeps their scores between runs
predict.py     predicts, without access to scores   agreement.py    measures by distortion type
result.py      the result as JSON and CSV           scatter.py      the scatter plot
published.py   published results                    clean/          measures from clean images
protocols/     methods trained and tested on splits
"""
