"""Training-free prototypes of frozen ImageNet features; the sentence chooses among the candidates."""
