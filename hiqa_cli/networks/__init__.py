"""The networks of Hallucinated-IQA: tensors in, tensors out; no files, no images, no terminal."""
