"""How well predictions agree with people's scores: of given weights, and of networks trained by the field's protocols.

images.py      which images of a database are measured      store.py       their scores, kept as they come
predict.py     who predicts: hiqa's weights, and no method ever sees a published score
agreement.py   measures by distortion type                  scatter.py     the plot of a paper
folds.py       who is trained on what and tested on what
methods.py     what is trained and tested: hiqa, given weights, baselines
protocol.py    a protocol's run, split by split      medians.py  its splits as one table
published.py   what papers say
"""
