"""The CMA model (Li et al., "Learning Cross-Modal Affinity for Referring Video Object Segmentation", ICCV 2023)."""
