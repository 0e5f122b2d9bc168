"""The head of reasons: what is wrong with an image, told from what the networks already computed.

`faults` lists what produces each word, and `chains` puts one to three of them on a clean image and says what leaving
each out would give. `rows` passes such images through the frozen networks; `fit` fits the head to the rows.
"""
