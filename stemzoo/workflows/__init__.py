"""Files in, files out: images, datasets, trainings, adaptations, evaluations."""
