"""Methods built on published models of the transformers library, with weights from its hub or from a folder.

Axis letters: `K` support frames, `T` query frames, `H, W` pixels of a video, `h, w` pixels that a model sees,
`N` sentences, `S` tokens.
"""
