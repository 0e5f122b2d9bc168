"""How well predictions agree with people's scores: of given weights, and of networks trained by the field's protocols.

    images.py      which images of a database are measured      store.py       their scores, kept as they come
    predict.py     who predicts: hiqa's weights, and no method ever sees a published score
    agreement.py   measures by distortion type                  scatter.py     the plot of a paper
    seen.py        which scenes weights were trained on: a result on those is refused
"""
