"""Katas for TensorFlow training and optimization, judged by properties, on data alone."""
